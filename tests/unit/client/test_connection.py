"""URLs and keys."""

import pytest

from serve_app.client import Client


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://x", "http://", "http://x:port"])
def test_what_is_no_url(url):
    with pytest.raises(ValueError, match="is no URL"):
        Client(url)


@pytest.mark.parametrize("key", ["", "a\nb", "ключ"])
def test_what_is_no_key(key):
    with pytest.raises(ValueError, match="API key"):
        Client(api_key=key)
