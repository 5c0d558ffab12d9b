{{/* Name of the objects of this release. */}}
{{- define "vaultbind.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $whole := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $whole .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{/* What a selector looks for: it must not change from release to release. */}}
{{- define "vaultbind.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: controller
{{- end }}

{{/* Labels of every object. */}}
{{- define "vaultbind.labels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: vaultbind
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* Labels of what belongs to the operator's pods. */}}
{{- define "vaultbind.controllerLabels" -}}
{{ include "vaultbind.labels" . }}
app.kubernetes.io/component: controller
{{- end }}

{{/* The account that the operator runs under. */}}
{{- define "vaultbind.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "vaultbind.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name: name the ServiceAccount that exists, or let serviceAccount.create make it" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{/* The image, by digest where one is given. */}}
{{- define "vaultbind.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end }}

{{/* Namespaces of scope Namespaces, as a JSON list: a define gives text only. */}}
{{- define "vaultbind.namespaces" -}}
{{- default (list .Release.Namespace) .Values.namespaces | toJson -}}
{{- end }}
