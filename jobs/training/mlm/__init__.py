"""Domain pre-training: masked language modelling on unlabelled notes."""
