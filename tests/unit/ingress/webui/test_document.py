from serve_app.ingress.problems import error_schema
from serve_app.ingress.webui.document import WebuiErrorBody, errors


def test_errors_are_told_for_both_kinds_of_clients():
    assert set(errors()) == set(error_schema())
    for response in errors().values():
        assert response["model"] is WebuiErrorBody and response["description"]
    assert list(WebuiErrorBody.model_fields) == ["error", "detail", "errors"]
