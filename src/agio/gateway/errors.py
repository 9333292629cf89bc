"""The refusals that Python raises: Binance's codes and texts, each in one place, filled in where they have `%s`.

Clients match code and text, so every text is compared with docs/reference/inventory/spot_errors.tsv by a test, but
for those marked as observed (in the field, not in Binance's own list) or as agio's own (administration).
"""

from __future__ import annotations

from dataclasses import dataclass

from agio.domain.errors import ApiError


@dataclass(frozen=True, slots=True)
class Template:
    """One refusal: Binance's code and text, the HTTP status, and where the text comes from."""

    code: int
    text: str
    status: int = 400
    source: str = "inventory"

    def error(self, *values: object) -> ApiError:
        """The exception, each `%s` replaced by the next value."""
        return ApiError(self.code, self.text % values if values else self.text, self.status)


OBSERVED, OWN = "observed", "agio"

UNKNOWN = Template(-1000, "An unknown error occurred while processing the request.", 500)
WRONG_METHOD = Template(-1000, "Request method '%s' not supported", 405, OBSERVED)
TOO_MUCH_WEIGHT = Template(
    -1003,
    "Too much request weight used; current limit is %s request weight per %s. "
    "Please use WebSocket Streams for live updates to avoid polling the API.",
    429,
)
BANNED = Template(
    -1003,
    "Way too much request weight used; IP banned until %s. "
    "Please use WebSocket Streams for live updates to avoid bans.",
    418,
)
QUEUE_FULL = Template(-1003, "Too many requests queued.", 429)
TIMEOUT = Template(
    -1007,
    "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
    408,
)
STOPPING = Template(-1016, "This service is no longer available.", 503)
UNSUPPORTED = Template(-1020, "This operation is not supported.")
TOO_LARGE = Template(-1101, "Too many parameters sent for this endpoint.", 413)
MANDATORY = Template(-1102, "Mandatory parameter '%s' was not sent, was empty/null, or malformed.")
BAD_SYMBOL = Template(-1121, "Invalid symbol.")
TOO_LONG = Template(-1127, "More than %s hours between startTime and endTime.")
BAD_COMBINATION = Template(-1128, "Combination of optional parameters invalid.")
INVALID = Template(-1130, "Data sent for parameter '%s' is not valid.")
BAD_JSON = Template(-1135, "Invalid JSON Request")
BAD_PARAMS = Template(-1135, "Invalid 'params' in JSON request; expected an object.", 400, OBSERVED)
NO_SBE = Template(-1155, "SBE is not enabled.")
NOT_ACCEPTABLE = Template(-1155, "SBE is not enabled.", 406)
BAD_TIME_UNIT = Template(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
WRONG_STATUS = Template(-1220, "The symbol's status does not match the requested symbolStatus.")
NO_SUCH_ORDER = Template(-2013, "Order does not exist.")
BAD_KEY_FORMAT = Template(-2014, "API-key format invalid.", 401)
KEY_REJECTED = Template(-2015, "Invalid API-key, IP, or permissions for action.", 401)
WRONG_CLIENT_ID = Template(-2039, "Client order ID is not correct for this order ID.")

COMMAND_REFUSED = Template(-1010, "%s", 400, OWN)
BAD_BODY = Template(-1130, "The body is not what this call takes: %s", 400, OWN)
NOT_FOUND = Template(-1130, "No such %s: %s", 404, OWN)

TEMPLATES = tuple(value for value in list(globals().values()) if isinstance(value, Template))
