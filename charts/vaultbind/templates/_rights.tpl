{{/*
Rules of files/rights.yaml for one place. Arguments: a list of the root context and the values of `where`.
Each rule carries its reason as a comment.
*/}}
{{- define "vaultbind.rules" -}}
{{- $root := index . 0 -}}
{{- $where := index . 1 -}}
{{- range $root.Files.Get "files/rights.yaml" | fromYamlArray -}}
{{- if and (has .where $where)
           (eq (default $root.Values.scope .scope) $root.Values.scope)
           (eq (default $root.Values.driftDetection .drift) $root.Values.driftDetection)
           (or (not .rollouts) $root.Values.rollouts.enabled) }}
{{ .why | wrap 100 | replace "\n" "\n# " | printf "# %s" | indent 2 }}
  - apiGroups: [{{ .group | quote }}]
    resources: [{{ join ", " .resources }}]
    {{- if eq (default "" .named) "lease" }}
    resourceNames: [{{ include "vaultbind.fullname" $root }}]
    {{- end }}
    verbs: [{{ join ", " .verbs }}]
{{- end }}
{{- end }}
{{- end }}

{{/* The subject of every binding of the operator. */}}
{{- define "vaultbind.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: {{ include "vaultbind.serviceAccountName" . }}
    namespace: {{ .Release.Namespace }}
{{- end }}
