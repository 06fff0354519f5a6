"""What a call can raise.

ClientError
  ├── Refused       the service answered, and said no
  └── Unreachable   no answer of this service: it is stopped, was lost, or something else is there
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
    """Nothing that is this service answered in time; the request may be sent again."""
