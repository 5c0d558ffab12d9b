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
{{ include "vaultbind.rule" (list . (ternary (include "vaultbind.fullname" $root) "" (eq (default "" .named) "lease"))) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The same of files/injection-rights.yaml. Arguments: root context, who, where, name of the only object or "". */}}
{{- define "vaultbind.partRules" -}}
{{- $root := index . 0 -}}
{{- $who := index . 1 -}}
{{- $where := index . 2 -}}
{{- $name := index . 3 -}}
{{- range $root.Files.Get "files/injection-rights.yaml" | fromYamlArray -}}
{{- if and (eq .who $who) (eq .where $where) (or (not .podAuth) $root.Values.injection.podAuth.enabled) }}
{{ include "vaultbind.rule" (list . (ternary $name "" (hasKey . "named"))) }}
{{- end }}
{{- end }}
{{- end }}

{{/* One rule under its reason. Arguments: the right, the name of its only object or "". */}}
{{- define "vaultbind.rule" -}}
{{- $right := index . 0 -}}
{{- $name := index . 1 -}}
{{ $right.why | wrap 100 | replace "\n" "\n# " | printf "# %s" | indent 2 }}
  - apiGroups: [{{ $right.group | quote }}]
    resources: [{{ join ", " $right.resources }}]
    {{- with $name }}
    resourceNames: [{{ . }}]
    {{- end }}
    verbs: [{{ join ", " $right.verbs }}]
{{- end }}

{{/* The subject of every binding of the operator. */}}
{{- define "vaultbind.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: {{ include "vaultbind.serviceAccountName" . }}
    namespace: {{ .Release.Namespace }}
{{- end }}
