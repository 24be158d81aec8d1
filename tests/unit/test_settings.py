"""Settings: from the environment, and on to child processes."""

import pytest

from viseon.schema import Invalid
from viseon.settings import Settings


def test_a_child_reads_exactly_the_settings_it_was_given(tmp_path):
    ours = Settings.read({}, home=tmp_path)
    inherited = {"VISEON_DATABASE": "postgresql+psycopg://elsewhere/x", "VISEON_AUTH": "token"}
    assert Settings.read(inherited | ours.environment) == ours


def test_what_is_given_counts_more_than_the_environment(tmp_path):
    assert Settings.read({"VISEON_HOME": "/elsewhere"}, home=tmp_path).home == tmp_path
    assert Settings.read({"VISEON_AUTH": ""}).auth == "open"


def test_a_setting_that_cannot_be_is_named():
    with pytest.raises(Invalid, match="setting auth"):
        Settings.read({"VISEON_AUTH": "perhaps"})


@pytest.mark.parametrize("name", ["models_mb", "pictures_mb"])
@pytest.mark.parametrize("value", ["-5", "0", "nan", "inf", "much"])
def test_memory_that_cannot_be_is_refused(name, value):
    with pytest.raises(Invalid, match=f"setting {name}"):
        Settings.read({f"VISEON_{name.upper()}": value})
