"""Every service there is, in the order in which they start."""

from services.direct_messages.service import SERVICE as DIRECT_MESSAGES
from services.douyin.service import SERVICE as DOUYIN
from services.fans.service import SERVICE as FANS
from services.open_platform.service import SERVICE as OPEN_PLATFORM
from services.quota.service import SERVICE as QUOTA
from shared.runtime import Service

SERVICES: tuple[Service, ...] = (OPEN_PLATFORM, FANS, QUOTA, DOUYIN, DIRECT_MESSAGES)
BY_NAME = {service.name: service for service in SERVICES}
