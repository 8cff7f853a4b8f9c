{{- define "eqp-broker.node.name" -}}
{{- $name := ternary .Release.Name (printf "%s-eqp-broker" .Release.Name) (contains "eqp-broker" .Release.Name) -}}
{{- $name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "eqp-broker.node.selector" -}}
app.kubernetes.io/name: eqp-broker
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
