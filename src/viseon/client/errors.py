"""Problems on the wire become the exceptions they were."""

import httpx

from viseon.schema import ERRORS, Failed


def checked(response: httpx.Response) -> httpx.Response:
    """The response, unless it is an error; then the same error the server raised."""
    if response.is_success:
        return response
    try:
        response.read()
        body = response.json()
        kind, message, fix = ERRORS[body["code"]], body["message"], body["fix"]
    except (ValueError, KeyError, TypeError):
        raise Failed(
            f"{response.url} answered {response.status_code} {response.reason_phrase}",
            fix="is that a viseon server?",
        ) from None
    raise kind(message, fix=fix)
