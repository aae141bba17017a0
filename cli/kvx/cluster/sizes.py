"""The sizes of k8s/components/size-*: what a replica may use, and the quotas that fit."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """Amounts as Kubernetes writes them; the limits are those of one replica."""

    cpu_limit: str
    memory_limit: str
    cpu_quota: str
    memory_quota: str


SIZES: Mapping[str, Size] = {
    "s": Size("500m", "512Mi", "2000m", "4Gi"),
    "m": Size("1000m", "1Gi", "4000m", "8Gi"),
    "l": Size("2000m", "2Gi", "8000m", "16Gi"),
}
