"""The table of settings."""

from sqlalchemy.orm import Mapped

from jalsa.db.transactions import TenantRow
from patient_files.models.base import Base


class Settings(TenantRow, Base):
    """A tenant's own rules; `settings.rules.DEFAULTS` where it has set none."""

    __tablename__ = "settings"

    treating_days_after: Mapped[int]
    treating_days_before: Mapped[int]
