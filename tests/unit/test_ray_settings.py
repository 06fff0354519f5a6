"""Ray's variables."""

from serve_app.ray_settings import environment


def test_the_users_own_value_wins_and_evaluating_twice_changes_nothing():
    once = environment({"RAY_USAGE_STATS_ENABLED": "1", "OTHER": "x"})
    assert once["RAY_USAGE_STATS_ENABLED"] == "1" and "OTHER" not in once
    assert environment(once) == once
