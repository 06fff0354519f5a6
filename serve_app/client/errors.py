"""What a call can raise.

ClientError
  ├── Refused       the service answered, and said no
  └── Unreachable   no response from this service: it is down, unreachable, or another server
"""


class ClientError(Exception):
    """Root of the tree; its text is one line for people."""


class Refused(ClientError):
    """The service's own error: `{"error": {"message", "type", "param", "code"}}`.

    `status` is 200 where a stream had begun before the error; `code` is what a program may switch
    on; `param` names the request field at fault, if one is; `request_id` finds it in the log.
    """

    def __init__(
        self, message: str, status: int, code: str, param: str | None, request_id: str | None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.request_id = request_id


class Unreachable(ClientError):
    """No valid response from this service in time; sending the request again is safe."""
