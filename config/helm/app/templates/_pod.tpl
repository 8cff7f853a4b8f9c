{{/* The pod's spec: an application with the broker beside it, or with the socket of the node's. */}}

{{/* The library's values, with those that a local key needs. */}}
{{- define "app.broker" -}}
{{- $broker := deepCopy (index .Values "eqp-broker-sidecar") }}
{{- if .Values.localKey.enabled }}
{{- $configMaps := list (include "app.gateway" .) .Values.localKey.configMap }}
{{- $_ := set $broker.settings "configMaps" (concat $configMaps $broker.settings.configMaps) }}
{{- end }}
{{- toJson $broker }}
{{- end }}

{{- define "app.gateway" -}}
{{ .Release.Name }}-gateway
{{- end }}

{{- define "app.container" -}}
{{- $broker := include "app.broker" . | fromJson -}}
- name: app
  image: {{ .Values.image }}
  env:
    {{- if .Values.localKey.enabled }}
    # Named as the application wants it.
    - name: BASE_URL
      value: http://127.0.0.1:9377/{{ .Values.localKey.environment }}
    {{- else if eq .Values.broker "node" }}
    - name: EQP_BROKER_ADDRESS
      value: unix:/run/eqp-broker/eqp-broker.sock
    {{- else }}
    {{- include "eqp-broker.env" $broker | nindent 4 }}
    {{- end }}
  securityContext:
    runAsUser: {{ .Values.user }}
    readOnlyRootFilesystem: true
    allowPrivilegeEscalation: false
    capabilities:
      drop: ["ALL"]
  {{- if or .Values.localKey.enabled (eq .Values.broker "node") $broker.tokenFile.enabled }}
  volumeMounts:
    {{- if .Values.localKey.enabled }}
    # The files id and secret. Not in the environment, which is inherited, and shown by many a tool.
    - name: app-local-key
      mountPath: /run/secrets/app
      readOnly: true
    {{- end }}
    {{- if eq .Values.broker "node" }}
    - name: socket
      mountPath: /run/eqp-broker
      readOnly: true
    {{- else if $broker.tokenFile.enabled }}
    {{- include "eqp-broker.appVolumeMounts" $broker | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end }}

{{- define "app.podSpec" -}}
{{- $broker := include "app.broker" . | fromJson }}
{{- if eq .Values.kind "Job" -}}
restartPolicy: Never
{{ end -}}
automountServiceAccountToken: false
securityContext:
  {{- include "eqp-broker.podSecurityContext" $broker | nindent 2 }}
{{- if eq .Values.broker "sidecar" }}
initContainers:
  {{- include "eqp-broker.sidecars" $broker | nindent 2 }}
{{- end }}
containers:
  {{- include "app.container" . | nindent 2 }}
volumes:
  {{- if eq .Values.broker "sidecar" }}
  {{- include "eqp-broker.volumes" $broker | nindent 2 }}
  {{- else }}
  - name: socket
    hostPath:
      path: /run/eqp-broker
      type: Directory
  {{- end }}
  {{- if .Values.localKey.enabled }}
  - name: app-local-key
    secret:
      secretName: {{ .Values.localKey.secret }}
      defaultMode: 0444
  {{- end }}
{{- end }}
