"""What `transforms.icd` learns from documents coded by hand: its dictionary (`phrases`) and its scoring (`fit`)."""
