{{/* Names, labels, and the common parts of every pod. */}}

{{- define "posada.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{- define "posada.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "posada.labels" -}}
{{ include "posada.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: posada
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "posada.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "posada.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "posada.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{/* A service's settings, as JSON: the defaults overridden by its own. Its Secrets come after the common ones: the last counts. */}}
{{- define "posada.settings" -}}
{{- $own := index .root.Values.services .service | default dict -}}
{{- $secrets := concat (.root.Values.defaults.envSecrets | default list) ($own.envSecrets | default list) | uniq -}}
{{- $settings := mustMergeOverwrite (deepCopy .root.Values.defaults) (deepCopy $own) -}}
{{- set $settings "envSecrets" $secrets | toJson -}}
{{- end -}}

{{/* Authentication of the HTTP APIs: a shared token, keys of tokens, or both. Without either no service starts. */}}
{{- define "posada.callersEnv" -}}
{{- if not (or .Values.apiToken.secret (.Values.apiKeys).secret) -}}
{{- fail "apiToken.secret and apiKeys.secret are both empty: name the Secret of one of them, or nobody may call" -}}
{{- end -}}
{{- with .Values.apiToken.secret -}}
- name: POSADA_API_TOKEN
  valueFrom:
    secretKeyRef: {name: {{ . }}, key: {{ $.Values.apiToken.key }}}
{{ end }}
{{- with (.Values.apiKeys).secret -}}
- name: POSADA_API_KEYS
  valueFrom:
    secretKeyRef: {name: {{ . }}, key: {{ $.Values.apiKeys.key }}}
{{- end -}}
{{- end -}}

{{/* The Secret that signs records: the given one, otherwise the chart's own. */}}
{{- define "posada.recordsSecret" -}}
{{- (.Values.records).existingSecret | default (printf "%s-records" (include "posada.fullname" .)) -}}
{{- end -}}

{{- define "posada.recordsEnv" -}}
{{- $records := .Values.records | default dict -}}
- name: POSADA_KAFKA_SECRETS
  valueFrom:
    secretKeyRef: {name: {{ include "posada.recordsSecret" . }}, key: {{ $records.key | default "secrets" }}}
- name: POSADA_GATEWAY_SECRETS
  valueFrom:
    secretKeyRef: {name: {{ include "posada.recordsSecret" . }}, key: {{ $records.gatewaysKey | default "gateways" }}, optional: true}
{{- if $records.trustAccessLists }}
- {name: POSADA_KAFKA_RECORDS, value: trust-access-lists}
{{- end }}
{{- if $records.gatewaysMustSign }}
- {name: POSADA_GATEWAYS_MUST_SIGN, value: "true"}
{{- end }}
{{- end -}}

{{- define "posada.sourcesEnv" -}}
- name: POSADA_SOURCE_SECRETS
  valueFrom:
    secretKeyRef: {name: {{ include "posada.recordsSecret" . }}, key: {{ (.Values.records).sourcesKey | default "sources" }}, optional: true}
{{- end -}}

{{- define "posada.isSasl" -}}
{{- if hasPrefix "SASL_" .Values.kafka.securityProtocol }}yes{{ end -}}
{{- end -}}

{{/* Kafka's address and credentials; `kafkaSecret` replaces the common Secret. */}}
{{- define "posada.kafkaEnv" -}}
{{- $kafka := .root.Values.kafka -}}
{{- if not (or $kafka.insecure (eq $kafka.securityProtocol "SASL_SSL")) -}}
{{- fail (printf "kafka.securityProtocol is %s, with which others can read, change or send messages: use SASL_SSL, or set kafka.insecure true to allow it" $kafka.securityProtocol) -}}
{{- end -}}
- name: POSADA_KAFKA_BOOTSTRAP
  value: {{ $kafka.bootstrap | quote }}
- name: POSADA_KAFKA_SECURITY_PROTOCOL
  value: {{ $kafka.securityProtocol }}
{{- if include "posada.isSasl" .root }}
- name: POSADA_KAFKA_SASL_MECHANISM
  value: {{ $kafka.saslMechanism }}
- name: POSADA_KAFKA_USERNAME
  valueFrom:
    secretKeyRef: {name: {{ .kafkaSecret | default $kafka.credentials.secret }}, key: {{ $kafka.credentials.usernameKey }}}
- name: POSADA_KAFKA_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ .kafkaSecret | default $kafka.credentials.secret }}, key: {{ $kafka.credentials.passwordKey }}}
{{- end }}
{{- if $kafka.ca.secret }}
- name: POSADA_KAFKA_CA_FILE
  value: /etc/posada/kafka/{{ $kafka.ca.key }}
{{- end }}
{{- end -}}

{{/*
A service's database, by service and settings; with `owner` for the role that migrates it. The client library reads the password from an environment
variable, so the password may contain any character and is not part of the address.
*/}}
{{- define "posada.databaseEnv" -}}
{{- $common := .root.Values.database -}}
{{- $own := .settings.database -}}
{{- if not (or $common.insecure (eq $common.sslMode "verify-full")) -}}
{{- fail (printf "database.sslMode is %s, which does not identify the server: use verify-full, or set database.insecure true to allow it" $common.sslMode) -}}
{{- end -}}
{{- $user := $own.user | default .service -}}
{{- $name := $own.name | default $common.one | default .service -}}
{{- $secret := $own.secret | default $common.passwords.secret }}
{{- $key := $own.key | default .service }}
{{- $owners := $own.ownerSecret | default (dig "owners" "secret" "posada-database-owners" $common) }}
{{- if and $own.owner (not $owners) }}
{{- fail (printf "services.%s.database.owner is %s, but no Secret has its password: name one in ownerSecret or in database.owners.secret" .service $own.owner) }}
{{- end }}
{{- if and .owner $owners }}
{{- $user = $own.owner | default (printf "%s_owner" .service) }}
{{- $secret = $owners }}
{{- $key = $own.ownerKey | default .service }}
{{- end -}}
- name: POSADA_DATABASE_URL
  value: {{ printf "postgresql://%s@%s:%v/%s" $user ($own.host | default $common.host) ($own.port | default $common.port) $name | quote }}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef: {name: {{ $secret }}, key: {{ $key }}}
- name: PGSSLMODE
  value: {{ $common.sslMode }}
{{- if hasPrefix "verify-" $common.sslMode }}
- name: PGSSLROOTCERT
  value: {{ include "posada.databaseCa" .root | empty | ternary "/etc/ssl/certs/ca-certificates.crt" (printf "/etc/posada/database/%s" $common.ca.key) }}
{{- end }}
{{- end -}}

{{/* The Secret of the database's certificate authority, if there is one and sslMode uses it. */}}
{{- define "posada.databaseCa" -}}
{{- if hasPrefix "verify-" .Values.database.sslMode }}{{ .Values.database.ca.secret }}{{ end -}}
{{- end -}}

{{- define "posada.mounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if .Values.kafka.ca.secret }}
- {name: kafka-ca, mountPath: /etc/posada/kafka, readOnly: true}
{{- end }}
{{- if include "posada.databaseCa" . }}
- {name: database-ca, mountPath: /etc/posada/database, readOnly: true}
{{- end }}
{{- end -}}

{{- define "posada.volumes" -}}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: {{ .Values.tmpSize }}}
{{- if .Values.kafka.ca.secret }}
- name: kafka-ca
  secret: {secretName: {{ .Values.kafka.ca.secret }}}
{{- end }}
{{- with include "posada.databaseCa" . }}
- name: database-ca
  secret: {secretName: {{ . }}}
{{- end }}
{{- end -}}

{{/*
The pod of a job. It needs no account, and none exists before the first install. It is scheduled like the services. Volumes are last, so that callers
can append their own.
*/}}
{{- define "posada.jobPod" -}}
restartPolicy: Never
automountServiceAccountToken: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- with .Values.defaults.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- range $name := list "nodeSelector" "tolerations" "affinity" }}
{{- with index $.Values.defaults $name }}
{{ $name }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
securityContext:
{{- toYaml .Values.podSecurityContext | nindent 2 }}
volumes:
{{- include "posada.volumes" . | nindent 2 }}
{{- end -}}
