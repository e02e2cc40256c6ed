"""The settings of a one-broker Kafka and of the Java that runs it."""

from typing import Final

from deploy.local.processes.folders import LOOPBACK

NODE_ID: Final = 1
# Nothing is replicated, and a group forms at once.
ONE_BROKER: Final = {
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    # A transaction that nobody ends holds back every record behind it for so long. Nothing of ours writes in one; a
    # minute is what clients ask for by default, where the broker's default grants fifteen.
    "transaction.max.timeout.ms": "60000",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # The default of 128 MB comes out of the heap.
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
    # After a kill the controller keeps the dead broker's session this long, and the new one must wait for it: with
    # the default of 9 s a restart takes 12 s.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
}


def broker_settings(broker_port: int, controller_port: int, log_dir: str) -> dict[str, str]:
    """One node in both roles, listening on the loopback address; `log_dir` is relative to where it is started."""
    broker, controller = f"{LOOPBACK}:{broker_port}", f"{LOOPBACK}:{controller_port}"
    return {
        "process.roles": "broker,controller",
        "node.id": str(NODE_ID),
        "controller.quorum.voters": f"{NODE_ID}@{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{broker}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": log_dir,
        **ONE_BROKER,
    }


def jvm_flags(heap_mb: int, full_jit: bool) -> list[str]:
    """Flags for a small heap (in MiB), a quick start unless `full_jit`, and a short log with times."""
    # Java's quick compiler alone halves the start; for load over minutes the optimising one pays.
    compiler = [] if full_jit else ["-XX:TieredStopAtLevel=1"]
    return [f"-Xmx{heap_mb}m", "-XX:+UseSerialGC", *compiler, *_log_flags()]


def _log_flags() -> list[str]:
    options = {
        "showDateTime": "true",
        "dateTimeFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSZ",
        "defaultLogLevel": "warn",
        "log.kafka.server.BrokerServer": "info",
        "log.kafka.server.KafkaRaftServer": "info",
    }
    return [f"-Dorg.slf4j.simpleLogger.{name}={value}" for name, value in options.items()]
