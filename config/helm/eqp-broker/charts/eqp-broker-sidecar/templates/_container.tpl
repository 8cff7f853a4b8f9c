{{/*
The broker's container. Each template takes the values of this chart, as the chart that includes it has them:

    {{- include "eqp-broker.sidecars" (index .Values "eqp-broker-sidecar") | nindent 8 }}

Comments that begin with "#" are for readers of the manifests.
*/}}

{{- define "eqp-broker.image" -}}
{{ .image.repository }}{{ if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .image.tag }}{{ end }}
{{- end }}

{{/* Tight by itself, as the pod may be somebody else's. */}}
{{- define "eqp-broker.securityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities:
  drop: ["ALL"]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "eqp-broker.probes" -}}
# Commands, because the broker listens on loopback only, where a kubelet's HTTP probes do not reach
# it. The startup probe holds the application back until there is a token, for as many seconds as it may fail.
startupProbe:
  exec:
    command: ["/usr/bin/eqpctl", "ready"]
  periodSeconds: 1
  timeoutSeconds: 3
  failureThreshold: {{ .probes.startupSeconds }}
{{- if .probes.readiness }}
# Without a token, the pod is not ready. Leave this one out if the application can do without for a
# while.
readinessProbe:
  exec:
    command: ["/usr/bin/eqpctl", "ready"]
  periodSeconds: 10
  timeoutSeconds: 3
{{- end }}
# Never "ready" here: an outage of the upstream is not cured by a restart.
livenessProbe:
  exec:
    command: ["/usr/bin/eqpctl", "live"]
  periodSeconds: 20
  timeoutSeconds: 3
{{- end }}

{{- define "eqp-broker.resources" -}}
# The broker and its probes fit into 16Mi; the rest is for the runtime's own part in starting probes. With a
# gateway, give it 64Mi: a process more, and 128Ki for each request that is passed on, of at most 64.
resources:
  {{- toYaml .resources | nindent 2 }}
{{- end }}

{{- define "eqp-broker.imageFields" -}}
image: {{ include "eqp-broker.image" . }}
{{- if .image.pullPolicy }}
imagePullPolicy: {{ .image.pullPolicy }}
{{- end }}
{{- end }}

{{/* A list: to stand among the pod's init containers, before those that need a token. */}}
{{- define "eqp-broker.sidecars" -}}
- name: eqp-broker
  {{- include "eqp-broker.imageFields" . | nindent 2 }}
  restartPolicy: Always
  securityContext:
    {{- include "eqp-broker.securityContext" . | nindent 4 }}
  {{- include "eqp-broker.probes" . | nindent 2 }}
  {{- include "eqp-broker.resources" . | nindent 2 }}
  volumeMounts:
    - name: eqp-broker-keys
      mountPath: /run/secrets/eqp-broker
      readOnly: true
    {{- if .settings.configMaps }}
    - name: eqp-broker-settings
      mountPath: /etc/eqp-broker/eqp-brokerd.conf.d
      readOnly: true
    {{- end }}
    {{- with include "eqp-broker.shareMount" . }}
    {{- . | nindent 4 }}
    {{- end }}
{{- if .tokenFile.enabled }}
{{ include "eqp-broker.tokenFile" . }}
{{- end }}
{{- end }}

{{/* A list, empty without such a Secret: the mount of what [share] needs. */}}
{{- define "eqp-broker.shareMount" -}}
{{- if .share.secretName -}}
- name: eqp-broker-share
  mountPath: /run/secrets/eqp-broker-share
  readOnly: true
{{- end }}
{{- end }}

{{/* And its volume. */}}
{{- define "eqp-broker.shareVolume" -}}
{{- if .share.secretName -}}
- name: eqp-broker-share
  secret:
    secretName: {{ .share.secretName }}
    defaultMode: 0444
{{- end }}
{{- end }}

{{- define "eqp-broker.tokenFile" -}}
{{- $options := printf "\"--file=/run/eqp-token/token\", \"--mode=%s\"" .tokenFile.mode -}}
- name: eqp-token
  {{- include "eqp-broker.imageFields" . | nindent 2 }}
  restartPolicy: Always
  command: ["/usr/bin/eqpctl", "watch", "{{ .tokenFile.environment }}", {{ $options }}]
  startupProbe:
    exec:
      command: ["/usr/bin/eqpctl", "watch", "{{ .tokenFile.environment }}", "--once", {{ $options }}]
    timeoutSeconds: 30
    failureThreshold: 20
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: {{ .tokenFile.group }}
    readOnlyRootFilesystem: true
    allowPrivilegeEscalation: false
    capabilities:
      drop: ["ALL"]
    seccompProfile:
      type: RuntimeDefault
  resources:
    {{- toYaml .resources | nindent 4 }}
  volumeMounts:
    - name: eqp-token
      mountPath: /run/eqp-token
{{- end }}
