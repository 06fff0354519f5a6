"""What HTTP lets clients take for granted: HEAD wherever there is a GET, and a slash at the end of
any path.

A redirect to the path without the slash would lose a POST's body in many clients.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class LenientPaths:
    """ASGI middleware next to the routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        path = scope["path"]
        if len(path) > 1 and path.endswith("/") and not path.endswith("//"):
            scope["path"] = path[:-1]
        if scope["method"] != "HEAD":
            return await self._app(scope, receive, send)
        scope["method"] = "GET"

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app(scope, receive, send_without_body)
