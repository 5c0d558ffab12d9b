{{/* Flags of `vaultbind run` for where expiry and rotation are told. */}}
{{- define "vaultbind.outletFlags" -}}
{{- with .Values.cloudEvents.sink }}
- --cloudevents-sink={{ . }}
{{- if $.Values.cloudEvents.tokenSecret.name }}
- --cloudevents-token-file=/var/run/vaultbind/sink/token
{{- end }}
{{- end }}
{{- if .Values.events.webhook }}
- --events=webhook
- --events-address=:8082
- --events-secret-file=/var/run/vaultbind/events/secret
{{- end }}
{{- range .Values.rotationHandlers }}
- --rotation-handler={{ . }}
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
{{- if .Values.events.webhook }}
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
{{- if .Values.events.webhook }}
- name: events
  mountPath: /var/run/vaultbind/events
  readOnly: true
{{- end }}
{{- end }}
