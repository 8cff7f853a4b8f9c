{{- define "eqp-broker.node.name" -}}
{{- $name := ternary .Release.Name (printf "%s-eqp-broker" .Release.Name) (contains "eqp-broker" .Release.Name) -}}
{{- $name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "eqp-broker.node.selector" -}}
app.kubernetes.io/name: eqp-broker
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "eqp-broker.node.valkey" -}}
{{ include "eqp-broker.node.name" . | trunc 56 | trimSuffix "-" }}-valkey
{{- end }}

{{- define "eqp-broker.node.valkeySelector" -}}
app.kubernetes.io/name: eqp-broker-valkey
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The section [share]; nothing, if there is no store. */}}
{{- define "eqp-broker.node.share" -}}
{{- if or .Values.share.stores .Values.valkey.enabled -}}
[share]
{{- if .Values.valkey.enabled }}
store = redis://{{ include "eqp-broker.node.valkey" . }}
{{- end }}
{{- range .Values.share.stores }}
store = {{ . }}
{{- end }}
{{- with .Values.share.username }}
username = {{ . }}
{{- end }}
{{- range $key, $file := dict "password_file" .Values.share.passwordFile "ca_file" .Values.share.caFile "share_secret_file" .Values.share.shareSecretFile }}
{{- with $file }}
{{ $key }} = /run/secrets/eqp-broker-share/{{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
