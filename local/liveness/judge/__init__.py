"""The judge of a recorded video: one live person who did what was asked, or not."""

from local.liveness.judge.judgement import Recording, judge
from local.liveness.judge.verdict import Picture, Signal, Verdict

__all__ = ["Picture", "Recording", "Signal", "Verdict", "judge"]
