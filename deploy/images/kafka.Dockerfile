# Kafka as one Java process, configured like the official images: KAFKA_SOME_SETTING sets some.setting.
FROM posada-debian:bookworm
COPY java /opt/java
COPY jars /opt/kafka
COPY kafka-* /usr/local/bin/
# The three steps that testcontainers' start script, which is for Confluent's image, runs.
RUN mkdir -p /etc/confluent/docker /etc/kafka /var/lib/kafka/data && : > /etc/confluent/docker/bash-config \
 && printf '#!/bin/sh\nset -e\nkafka-configure\n' > /etc/confluent/docker/configure \
 && printf '#!/bin/sh\nexec kafka-java kafka.Kafka /etc/kafka/kafka.properties\n' > /etc/confluent/docker/launch \
 && chmod 755 /etc/confluent/docker/configure /etc/confluent/docker/launch
EXPOSE 9092
ENTRYPOINT ["kafka-start"]
