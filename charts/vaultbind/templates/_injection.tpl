{{/* Name of the webhook's or the broker's objects. Arguments: root context, component. */}}
{{- define "vaultbind.componentName" -}}
{{ include "vaultbind.fullname" (index . 0) }}-{{ index . 1 }}
{{- end }}

{{/* What selects pods of a component. */}}
{{- define "vaultbind.componentSelector" -}}
app.kubernetes.io/name: {{ default (index . 0).Chart.Name (index . 0).Values.nameOverride | trunc 63 }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Labels of what belongs to a component. */}}
{{- define "vaultbind.componentLabels" -}}
{{ include "vaultbind.labels" (index . 0) }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* DNS name that a component is reached by. */}}
{{- define "vaultbind.componentHost" -}}
{{ include "vaultbind.componentName" . }}.{{ (index . 0).Release.Namespace }}.svc
{{- end }}

{{/* Flags of `vaultbind run` that keep certificates, where cert-manager does not. */}}
{{- define "vaultbind.trustFlags" -}}
{{- if and .Values.injection.enabled (not .Values.injection.certManagerIssuer) }}
- --webhook-configuration={{ include "vaultbind.fullname" . }}
- --serving-certificate={{ include "vaultbind.componentName" (list . "webhook") }}-tls={{ include "vaultbind.componentHost" (list . "webhook") }}
{{- if .Values.injection.broker.enabled }}
- --serving-certificate={{ include "vaultbind.componentName" (list . "broker") }}-tls={{ include "vaultbind.componentHost" (list . "broker") }}
{{- end }}
{{- end }}
{{- end }}

{{/* Deployment of a serving component. Arguments: root, component, values, port, flags. */}}
{{- define "vaultbind.servingDeployment" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $values := index . 2 -}}
{{- $port := index . 3 -}}
{{- $name := include "vaultbind.componentName" . -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "vaultbind.componentLabels" . | nindent 4 }}
spec:
  replicas: {{ $values.replicas }}
  selector:
    matchLabels:
      {{- include "vaultbind.componentSelector" . | nindent 6 }}
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxUnavailable: 0
      maxSurge: 1
  template:
    metadata:
      labels:
        {{- include "vaultbind.componentLabels" . | nindent 8 }}
        {{- if $values.workloadIdentityClientId }}
        azure.workload.identity/use: "true"
        {{- end }}
    spec:
      serviceAccountName: {{ $name }}
      automountServiceAccountToken: true
      enableServiceLinks: false
      {{- with $root.Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $root.Values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        fsGroup: 65532 # may read certificate and tokens
        seccompProfile:
          type: RuntimeDefault
      containers:
        - name: {{ $component }}
          image: {{ include "vaultbind.image" $root }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args:
            - {{ $component }}
            - --listen=:{{ $port }}
            - --metrics-address=:8080
            {{- with index . 4 | trim }}
            {{- . | nindent 12 }}
            {{- end }}
            - --log-format={{ $root.Values.log.format }}
            - --log-level={{ $root.Values.log.level }}
          ports:
            - name: https
              containerPort: {{ $port }}
            - name: metrics
              containerPort: 8080
          livenessProbe:
            httpGet:
              path: /healthz
              port: metrics
            periodSeconds: 10
            timeoutSeconds: 5
          readinessProbe:
            httpGet:
              path: /readyz
              port: metrics
            periodSeconds: 5
            timeoutSeconds: 5
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
          resources:
            {{- toYaml $values.resources | nindent 12 }}
          volumeMounts:
            - name: tls
              mountPath: /etc/vaultbind/tls
              readOnly: true
            - name: tmp
              mountPath: /tmp
      volumes:
        - name: tls # the pod waits until the Secret is there
          secret:
            secretName: {{ $name }}-tls
            defaultMode: 0440
        - name: tmp
          emptyDir:
            medium: Memory
            sizeLimit: 16Mi
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "vaultbind.componentSelector" . | nindent 14 }}
      {{- with $root.Values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $root.Values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end }}

{{/* Service of a serving component. Arguments: root, component, port. */}}
{{- define "vaultbind.servingService" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $port := index . 2 -}}
{{- $name := include "vaultbind.componentName" . -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "vaultbind.componentLabels" . | nindent 4 }}
spec:
  selector:
    {{- include "vaultbind.componentSelector" . | nindent 4 }}
  ports:
    - name: https
      port: {{ ternary 443 $port (eq $component "webhook") }}
      targetPort: https
    - name: metrics
      port: 8080
      targetPort: metrics
{{- end }}

{{/* ServiceAccount of a serving component. Arguments: root, component, values. */}}
{{- define "vaultbind.servingServiceAccount" -}}
{{- $root := index . 0 -}}
{{- $values := index . 2 -}}
{{- $name := include "vaultbind.componentName" . -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "vaultbind.componentLabels" . | nindent 4 }}
  {{- with $values.workloadIdentityClientId }}
  annotations:
    azure.workload.identity/client-id: {{ . | quote }}
  {{- end }}
automountServiceAccountToken: false # the pod asks for it
{{- end }}

{{/* PodDisruptionBudget of a serving component. Arguments: root, component. */}}
{{- define "vaultbind.servingPodDisruptionBudget" -}}
{{- $root := index . 0 -}}
{{- $name := include "vaultbind.componentName" . -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "vaultbind.componentLabels" . | nindent 4 }}
spec:
  minAvailable: 1
  selector:
    matchLabels:
      {{- include "vaultbind.componentSelector" . | nindent 6 }}
{{- end }}

{{/* Certificate of a serving component, by cert-manager. Arguments: root, component. */}}
{{- define "vaultbind.servingCertificate" -}}
{{- $root := index . 0 -}}
{{- $name := include "vaultbind.componentName" . -}}
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "vaultbind.componentLabels" . | nindent 4 }}
spec:
  secretName: {{ $name }}-tls
  dnsNames: [{{ include "vaultbind.componentHost" . }}]
  privateKey:
    algorithm: ECDSA
    rotationPolicy: Always
  issuerRef:
    {{- toYaml $root.Values.injection.certManagerIssuer | nindent 4 }}
{{- end }}

{{/* A ClusterRoleBinding or RoleBinding. Arguments: root, name, kind of role, account, namespace or "". */}}
{{- define "vaultbind.bind" -}}
{{- $root := index . 0 -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ if index . 4 }}RoleBinding{{ else }}ClusterRoleBinding{{ end }}
metadata:
  name: {{ index . 1 }}
  {{- with index . 4 }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "vaultbind.labels" $root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ index . 2 }}
  name: {{ index . 1 }}
subjects:
  - kind: ServiceAccount
    name: {{ index . 3 }}
    namespace: {{ $root.Release.Namespace }}
{{- end }}

{{/* Flags of the webhook. */}}
{{- define "vaultbind.webhookFlags" -}}
- --agent-image={{ include "vaultbind.image" . }}
- --agent-pull-policy={{ .Values.image.pullPolicy }}
- --agent-memory-limit={{ .Values.injection.agent.memoryLimit }}
- --agent-deadline={{ .Values.injection.agent.deadlineSeconds }}
{{- if .Values.injection.broker.enabled }}
- --broker-url=https://{{ include "vaultbind.componentHost" (list . "broker") }}:8443
{{- end }}
{{- if .Values.injection.podAuth.enabled }}
- --pod-auth-audience={{ .Values.injection.podAuth.audience }}
- --pod-auth-memory-limit={{ .Values.injection.podAuth.memoryLimit }}
{{- with .Values.allowedVaultSuffixes }}
- --allowed-vault-suffixes={{ join "," . }}
{{- end }}
{{- with .Values.allowedAuthorityHosts }}
- --allowed-authority-hosts={{ join "," . }}
{{- end }}
{{- end }}
- --env-files={{ .Values.injection.envFiles }}
- --namespace={{ .Release.Namespace }}
{{- end }}

{{/* Flags of the broker. */}}
{{- define "vaultbind.brokerFlags" -}}
{{- with .Values.allowedVaultSuffixes }}
- --allowed-vault-suffixes={{ join "," . }}
{{- end }}
{{- with .Values.allowedAuthorityHosts }}
- --allowed-authority-hosts={{ join "," . }}
{{- end }}
{{- if .Values.ambientCredentialsForNamespaced }}
- --ambient-credentials-for-namespaced
{{- end }}
{{- end }}
