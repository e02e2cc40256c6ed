"""The embedded broker listens to this machine alone, and starts quickly unless it is to run fast."""

from deploy.local.kafka.server import new_cluster_id
from deploy.local.kafka.settings import broker_settings, jvm_flags


def test_it_listens_on_the_loopback_address_only() -> None:
    settings = broker_settings(20_001, 20_002, "log")

    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:20001,CONTROLLER://127.0.0.1:20002"
    assert settings["advertised.listeners"] == "PLAINTEXT://127.0.0.1:20001"


def test_nothing_waits_for_a_second_broker() -> None:
    settings = broker_settings(20_001, 20_002, "log")

    replicated = [value for key, value in settings.items() if key.endswith(("replication.factor", "min.isr"))]
    assert replicated == ["1"] * 5


def test_the_optimising_compiler_is_an_option() -> None:
    assert "-XX:TieredStopAtLevel=1" in jvm_flags(256, full_jit=False)
    assert not [flag for flag in jvm_flags(1024, full_jit=True) if "Tiered" in flag]
    assert "-Xmx1024m" in jvm_flags(1024, full_jit=True)


def test_a_cluster_id_is_what_kafka_takes() -> None:
    for _ in range(200):
        cluster_id = new_cluster_id()
        assert len(cluster_id) == 22
        assert not cluster_id.startswith("-")
