{{/* Parts of the pod around the broker's container. Each takes the values of this chart; see _container.tpl. */}}

{{/* A list: the pod's volumes. */}}
{{- define "eqp-broker.volumes" -}}
# Only the broker mounts it, so that it is readable for everybody does not matter.
- name: eqp-broker-keys
  secret:
    secretName: {{ .keys.secretName }}
    defaultMode: 0444
{{- if .settings.configMaps }}
- name: eqp-broker-settings
  projected:
    defaultMode: 0444
    sources:
      {{- range .settings.configMaps }}
      - configMap:
          name: {{ . }}
      {{- end }}
{{- end }}
{{- with include "eqp-broker.shareVolume" . }}
{{ . }}
{{- end }}
{{- if .tokenFile.enabled }}
- name: eqp-token
  emptyDir:
    medium: Memory
{{- end }}
{{- end }}

{{/* A list: environment of a container of the application. */}}
{{- define "eqp-broker.env" -}}
- name: EQP_BROKER_ADDRESS
  value: http://127.0.0.1:9377
{{- end }}

{{/* A list, empty without a token file: mounts of a container of the application. The directory, never the file. */}}
{{- define "eqp-broker.appVolumeMounts" -}}
{{- if .tokenFile.enabled -}}
- name: eqp-token
  mountPath: /run/eqp-token
  readOnly: true
{{- end }}
{{- end }}

{{/* The pod's part of the security context. */}}
{{- define "eqp-broker.podSecurityContext" -}}
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- if .tokenFile.enabled }}
# The group that the file with the token is readable for.
fsGroup: {{ .tokenFile.group }}
{{- end }}
{{- end }}

{{/* The connections that a pod with a broker needs; beside podSelector in the spec of a NetworkPolicy. */}}
{{- define "eqp-broker.networkPolicySpec" -}}
# Nothing comes in: the broker listens on loopback, or on a socket in a directory, and no policy touches these.
policyTypes: ["Ingress", "Egress"]
egress:
  # Names are looked up,
  - ports:
      - protocol: UDP
        port: 53
      - protocol: TCP
        port: 53
  # and the upstream is asked.
  - ports:
      {{- range .networkPolicy.ports }}
      - protocol: TCP
        port: {{ . }}
      {{- end }}
    {{- if .networkPolicy.cidrs }}
    to:
      {{- range .networkPolicy.cidrs }}
      - ipBlock:
          cidr: {{ . | quote }}
      {{- end }}
    {{- end }}
{{- end }}
