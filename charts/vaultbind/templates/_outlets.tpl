{{/* Flags of `vaultbind run` for where expiry and rotation are told. */}}
{{- define "vaultbind.outletFlags" -}}
{{- with .Values.cloudEvents.sink }}
- --cloudevents-sink={{ . }}
{{- if $.Values.cloudEvents.tokenSecret.name }}
- --cloudevents-token-file=/var/run/vaultbind/sink/token
{{- end }}
{{- end }}
{{- with .Values.events }}
{{- if .webhook }}
- --events=webhook
- --events-address=:8082
{{- with .entra.tenant }}
- --events-entra-tenant={{ . }}
{{- range $.Values.events.entra.audiences }}
- --events-entra-audience={{ . }}
{{- end }}
{{- range $.Values.events.entra.senders }}
- --events-entra-sender={{ . }}
{{- end }}
{{- with $.Values.events.entra.authority }}
- --events-entra-authority={{ . }}
{{- end }}
{{- end }}
{{- else if .pull.endpoint }}
- --events=pull
- --events-endpoint={{ .pull.endpoint }}
- --events-topic={{ .pull.topic }}
- --events-subscription={{ .pull.subscription }}
{{- end }}
{{- if include "vaultbind.eventSecret" $ }}
- --events-secret-file=/var/run/vaultbind/events/secret
{{- end }}
{{- end }}
{{- range .Values.rotationHandlers }}
- --rotation-handler={{ . }}
{{- end }}
{{- end }}

{{/* Not empty where a Secret for events is needed: senders show it, or it is the access key of a topic. */}}
{{- define "vaultbind.eventSecret" -}}
{{- if or .Values.events.webhook .Values.events.pull.endpoint }}
{{- .Values.events.secret.name | default "" }}
{{- end }}
{{- end }}

{{/* Volumes and mounts for them. */}}
{{- define "vaultbind.outletVolumes" -}}
{{- if and .Values.cloudEvents.sink .Values.cloudEvents.tokenSecret.name }}
- name: sink
  secret:
    secretName: {{ .Values.cloudEvents.tokenSecret.name }}
    items:
      - key: {{ .Values.cloudEvents.tokenSecret.key }}
        path: token
{{- end }}
{{- if include "vaultbind.eventSecret" . }}
- name: events
  secret:
    secretName: {{ .Values.events.secret.name }}
    items:
      - key: {{ .Values.events.secret.key }}
        path: secret
{{- end }}
{{- end }}
{{- define "vaultbind.outletMounts" -}}
{{- if and .Values.cloudEvents.sink .Values.cloudEvents.tokenSecret.name }}
- name: sink
  mountPath: /var/run/vaultbind/sink
  readOnly: true
{{- end }}
{{- if include "vaultbind.eventSecret" . }}
- name: events
  mountPath: /var/run/vaultbind/events
  readOnly: true
{{- end }}
{{- end }}
