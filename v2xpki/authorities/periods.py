"""i-periods, as the authorities name them: see trust/periods.py, which stations go by too."""

from v2xpki.trust.periods import LAST_PERIOD, Periods

__all__ = ["LAST_PERIOD", "Periods"]
