"""The rules of budgets: which limits are asked, whether there is room, when there is room again."""

from services.quota.domain.buckets import (
    OPERATION_ITEM,
    Bucket,
    BucketKey,
    Claim,
    Entry,
    Line,
    Reason,
    Refusal,
    Resets,
    close,
    hold,
    in_window,
    marks_crossed,
    settle,
    settled_bucket,
    unopened,
)
from services.quota.domain.limits import Request, plan

__all__ = [
    "OPERATION_ITEM",
    "Bucket",
    "BucketKey",
    "Claim",
    "Entry",
    "Line",
    "Reason",
    "Refusal",
    "Request",
    "Resets",
    "close",
    "hold",
    "in_window",
    "marks_crossed",
    "plan",
    "settle",
    "settled_bucket",
    "unopened",
]
