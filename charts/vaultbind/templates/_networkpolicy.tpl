{{/* Ports of name resolution. */}}
{{- define "vaultbind.egressNames" -}}
# names
- ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
{{- end }}

{{/* The API server; a policy knows addresses and pods, no host names. */}}
{{- define "vaultbind.egressApiServer" -}}
# the API server; a policy knows addresses and pods, no host names
- ports:
    {{- range .Values.networkPolicy.apiServerPorts }}
    - port: {{ . }}
    {{- end }}
{{- end }}

{{/* Vaults, and where tokens for them come from. */}}
{{- define "vaultbind.egressVaults" -}}
# vaults and Entra ID
- ports:
    - port: 443
# tokens of a managed identity
- to:
    - ipBlock:
        cidr: 169.254.169.254/32
  ports:
    - port: 80
{{- with .Values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Scrapes, and the kubelet's probes. */}}
{{- define "vaultbind.ingressMetrics" -}}
- ports:
    - port: metrics
  {{- with .Values.networkPolicy.metricsFrom }}
  from:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* The API server as who calls the webhook; its address is the cluster's own matter, and no selector names it. */}}
{{- define "vaultbind.ingressApiServer" -}}
- ports:
    - port: https
  {{- with .Values.networkPolicy.apiServerFrom }}
  from:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* Policy of a serving component. Arguments: root, component, who may call it, egress rules. */}}
{{- define "vaultbind.servingPolicy" -}}
{{- $root := index . 0 -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "vaultbind.componentName" . }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "vaultbind.componentLabels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "vaultbind.componentSelector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    {{- index . 2 | nindent 4 }}
    {{- include "vaultbind.ingressMetrics" $root | nindent 4 }}
  egress:
    {{- index . 3 | nindent 4 }}
{{- end }}
