"""The table of settings."""

from sqlalchemy.orm import Mapped

from jalsa.db.transactions import TenantRow
from patient_files.models.base import Base


class Settings(TenantRow, Base):
    """A tenant's own rules; `settings.rules.DEFAULTS` where it has set none."""

    __tablename__ = "settings"

    treating_days_after: Mapped[int]
    treating_days_before: Mapped[int]
    sign_off_needs_documentation: Mapped[bool]
    known_signer_required: Mapped[bool]
    days_after_majority: Mapped[int]
    age_of_majority: Mapped[int]
    majority_calendar: Mapped[str]
