from serve_app.ingress.problems import error_schema
from serve_app.ingress.webui.document import errors


def test_errors_are_told_for_both_kinds_of_clients():
    assert set(errors()) == set(error_schema())
    for response in errors().values():
        schema = response["content"]["application/json"]["schema"]
        assert schema["required"] == list(schema["properties"]) == ["error", "detail", "errors"]
    assert "detail" not in str(error_schema())
