"""Fine-tuning: documents in, one backbone with heads out."""
