{{- define "patches.part" -}}
{{- $broker := index .Values "eqp-broker-sidecar" -}}
initContainers:
  {{- include "eqp-broker.sidecars" $broker | nindent 2 }}
volumes:
  {{- include "eqp-broker.volumes" $broker | nindent 2 }}
{{- end }}
