"""What parts of a network are that want to know how far training is."""


class FollowsTraining:
    """A part that training tells, before each step, how far it is."""

    def proceed(self, share):
        """Take note of the share of the training that is done, from 0 to 1."""
        raise NotImplementedError
