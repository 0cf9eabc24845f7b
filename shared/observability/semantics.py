"""The names of OpenTelemetry's semantic conventions (1.44) that we use; messaging is still in development."""

from typing import Final

HTTP_METHOD: Final = "http.request.method"
HTTP_ROUTE: Final = "http.route"
HTTP_STATUS: Final = "http.response.status_code"

MESSAGING_SYSTEM: Final = "messaging.system"
MESSAGING_OPERATION: Final = "messaging.operation.name"
MESSAGING_OPERATION_TYPE: Final = "messaging.operation.type"
MESSAGING_DESTINATION: Final = "messaging.destination.name"
MESSAGING_MESSAGE_ID: Final = "messaging.message.id"
MESSAGING_BATCH: Final = "messaging.batch.message_count"

# ours
REQUEST_ID: Final = "siyu.request_id"
CAUSE: Final = "siyu.cause"

OUR_STREAMS: Final = "redis_streams"
DOUYIN: Final = "douyin"
