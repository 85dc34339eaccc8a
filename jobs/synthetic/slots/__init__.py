"""What the slots of the phrases write. Importing this package fills `grammar.SLOTS`."""

from jobs.synthetic.slots import dates, identifiers, numbers, people, story

__all__ = ["dates", "identifiers", "numbers", "people", "story"]
