"""stub"""
from dataclasses import dataclass
@dataclass(frozen=True, slots=True)
class MaskOptimization:
    passes: int = 600
    def planned_passes(self, canvas): return self.passes
    def propose(self, task): raise NotImplementedError
