"""v2xpki.toml: what is written there is what runs, or it is refused by name."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from v2xpki.config import Instance, Settings, seconds, split_listener, strict_table
from v2xpki.errors import ConfigError


def make(tmp_path: Path, text: str = "") -> Instance:
    (tmp_path / "v2xpki.toml").write_text(text)
    return Instance.load(tmp_path)


def test_an_empty_file_has_the_shipped_defaults():
    settings = Settings.parse("")
    assert settings.base_url == "http://127.0.0.1:8080"
    assert settings.ea.generation_time_window == 600
    assert settings.aa.ea_timeout == 5
    assert not settings.lab


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("bas_url = 'http://x'", "bas_url"),
        ("[ea]\nretry_windw = 1", "ea.retry_windw"),
        ("[domains.ea]\npinfile = 'x'", "domains.ea.pinfile"),
        ("[nonsense]\n", "nonsense"),
    ],
)
def test_a_misspelt_key_is_refused_with_its_name(text, named):
    with pytest.raises(ConfigError, match=named):
        Settings.parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lab = 1", "lab is 1, not true or false"),
        ("base_url = 5", "base_url is 5, not a text"),
        ("[serve]\nworkers = true", "serve.workers is True, not a whole number"),
        ("[serve]\nworkers = 0", "workers is 0, not at least 1"),
        ("[serve]\nhttp = '8080'", "is not HOST:PORT"),
        ("[serve]\nlog_level = 'loud'", "log_level"),
        ("[ea]\nretry_window = '3 moons'", "ea.retry_window: '3 moons' is no duration"),
        ("[ea]\nretry_window = true", "is no duration"),
        ("[ea]\nretry_window = 60", "second certificate"),
        ("[aa]\nretry_window = 60", "second ticket"),
        ("[ea]\nvalidations_per_day = -1", "below 0"),
        ("[lists]\nwarn_before = '200 days'", r"\(17280000 s\) is not shorter than the 16502400 s"),
        ("[lists]\noverlap = '30 days'", r"\(2592000 s\) is not shorter than ctl_validity \(2592000 s\)"),
        ("[lists]\nrun_length = 0", "run_length is 0"),
        ("[lists]\nrun_length = 101", "run_length is 101, above 100"),
        ("[aa]\nea_timeout = '30 seconds'", "serve.worker_timeout"),
        ("[aa.ea_urls]\n00 = 'ftp://x'", "ea_urls"),
        ("base_url = 'http://x/?a=1'", "base_url"),
        ("base_url = 'http://exämple.org'", "ASCII"),
        ("base_url = 'localhost:80'", "base_url"),
        ("profile = 'us'", "profile"),
        ("format = 2", "format 2"),
        ("[domains.xa]\n", "domains.xa"),
        ("[domains]\nea = 1", "domains.ea is 1, not a table"),
        ("[domains.ea]\npin_file = ''", "a path"),
        ("[domains.ea]\npin_file = 'a'\npin_env = 'B'", "exclude each other"),
        ("this is no toml", "v2xpki.toml"),
    ],
)
def test_nonsense_is_refused_and_says_where(text, said):
    with pytest.raises(ConfigError, match=said):
        Settings.parse(text)


def test_durations_are_seconds_or_text():
    assert seconds(600) == seconds("600 seconds") == seconds("10 minutes") == 600
    assert seconds("1 year") == 31556952
    assert seconds("2weeks") == 14 * 86400


def test_a_folder_without_a_file_says_how_to_make_one(tmp_path):
    with pytest.raises(ConfigError) as caught:
        Instance.load(tmp_path / "nowhere")
    assert "v2xpki init" in caught.value.hint


def test_each_domain_has_its_own_token_pin_and_database(tmp_path):
    instance = make(tmp_path)
    ea, aa = instance.domain("ea"), instance.domain("aa")
    assert ea.softhsm2_conf == tmp_path / "ea" / "softhsm2.conf"
    assert ea.environment() == {"SOFTHSM2_CONF": str(tmp_path / "ea" / "softhsm2.conf")}
    for name in ("directory", "database_url", "token_label", "pin_file", "token_dir", "trust_dir"):
        assert getattr(ea, name) != getattr(aa, name)


def test_a_domain_can_live_elsewhere(tmp_path):
    instance = make(
        tmp_path,
        "[domains.ea]\ndatabase_url='postgresql+psycopg://x/ea'\npin_env='EA_PIN'\ngeneration=2\n"
        "[domains.aa]\npin_file='/run/secrets/aa'\nsofthsm2_conf='/etc/aa.conf'\n",
    )
    ea, aa = instance.domain("ea"), instance.domain("aa")
    assert ea.database_url == "postgresql+psycopg://x/ea"
    assert (ea.pin_env, ea.pin_file) == ("EA_PIN", None)
    assert ea.certificate_path.name == "ea-2.oer"
    assert aa.pin_file == Path("/run/secrets/aa")
    assert aa.softhsm2_conf == Path("/etc/aa.conf")


def test_the_distribution_centre_holds_no_key(tmp_path):
    assert make(tmp_path).domain("dc").environment() == {}


def test_an_unknown_domain_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no domain 'eca'"):
        make(tmp_path).domain("eca")


def test_a_worker_finds_its_instance_in_the_environment(tmp_path, monkeypatch):
    make(tmp_path, "lab = true")
    monkeypatch.setenv("V2XPKI_INSTANCE", str(tmp_path))
    assert Instance.from_environment().lab
    monkeypatch.delenv("V2XPKI_INSTANCE")
    with pytest.raises(ConfigError, match="V2XPKI_INSTANCE"):
        Instance.from_environment()


def test_an_error_in_the_file_names_the_file(tmp_path):
    with pytest.raises(ConfigError, match=r"v2xpki\.toml: unknown key x"):
        make(tmp_path, "x = 1")


def test_the_base_url_has_no_slash_at_its_end(tmp_path):
    assert make(tmp_path, "base_url = 'https://pki.example/'").base_url == "https://pki.example"


def test_tls_paths_start_at_the_instance(tmp_path):
    files = make(tmp_path, "[tls]\nkey = '/etc/ssl/key.pem'").tls_files()
    assert files.certificate == tmp_path / "tls" / "server.pem"
    assert files.key == Path("/etc/ssl/key.pem")


def test_listeners_are_host_and_port():
    assert split_listener("127.0.0.1:8080") == ("127.0.0.1", 8080)
    assert split_listener("[::1]:0") == ("::1", 0)
    for wrong in ("localhost", ":80", "x:y", "x:70000"):
        with pytest.raises(ConfigError):
            split_listener(wrong)


def test_an_unfinished_init_is_no_instance(tmp_path):
    (tmp_path / "v2xpki.toml.unfinished").write_text("lab = true")
    with pytest.raises(ConfigError, match="did not finish"):
        Instance.load(tmp_path)
    assert Instance.load(tmp_path, unfinished=True).lab


def test_own_profiles_lie_beside_the_settings(tmp_path):
    assert make(tmp_path).profiles_path is None
    assert make(tmp_path, "profiles = 'profiles.toml'").profiles_path == tmp_path / "profiles.toml"


def test_a_table_that_lacks_a_key_is_refused_with_its_name():
    @dataclass
    class Inner:
        names: tuple[str, ...]

    @dataclass
    class Outer:
        title: str
        inner: tuple[Inner, ...] = ()

    assert strict_table(Outer, {"title": "x", "inner": [{"names": ["a"]}]}).inner[0].names == ("a",)
    for table, said in [
        ({}, "title is missing"),
        ({"title": "x", "inner": [{}]}, r"inner\[0\].names is missing"),
        ({"title": "x", "inner": {}}, "inner is {}, not a list"),
        ({"title": "x", "inner": [{"names": [1]}]}, r"inner\[0\].names\[0\] is 1"),
    ]:
        with pytest.raises(ConfigError, match=said):
            strict_table(Outer, table)


def test_a_butterfly_period_is_longer_than_its_overlap():
    with pytest.raises(ConfigError, match="overlap"):
        Settings.parse('[butterfly]\nperiod = "1 hour"\noverlap = "1 hour"\n')


@pytest.mark.parametrize(
    "line", ["certificates = 0", "messages = 101", 'aa = "xyz"', "mix_wait = -1", "period = 0", "x = 1"]
)
def test_butterfly_policies_that_make_no_sense_are_refused(line):
    with pytest.raises(ConfigError):
        Settings.parse(f"[butterfly]\n{line}\n")


def test_a_butterfly_ticket_holds_a_week_by_default():
    policy = Settings.parse("").butterfly
    assert policy.period + policy.overlap == 7 * 86400


@pytest.mark.parametrize("name", ["image", "director", "ea"])
def test_no_role_but_a_component_of_an_scms_listens_beside_its_socket(name):
    with pytest.raises(ConfigError, match=f"domains.{name}. listen"):
        Settings.parse(f'profile = "etsi+ota"\n[domains.{name}]\nlisten = "127.0.0.1:9"')
    Settings.parse('profile = "scms"\n[domains.la1]\nlisten = "127.0.0.1:9"')
