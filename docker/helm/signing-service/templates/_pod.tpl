{{/* Template of the pods, for a Deployment and for a StatefulSet. */}}
{{- define "signing-service.pod" -}}
{{- $v := .Values }}
{{- $signers := include "signing-service.signersConfigMap" . }}
{{- $accessMap := include "signing-service.accessConfigMap" . }}
{{- $libraryMap := include "signing-service.libraryConfigMap" . }}
{{- $tls := include "signing-service.tlsSecret" . }}
{{- $library := or $v.library.image.repository $v.library.volume }}
{{- $pinSecret := or $v.pin.existingSecret $v.pin.secretProviderClass }}
metadata:
  labels:
    {{- include "signing-service.labels" (dict "root" . "component" "service") | nindent 4 }}
    {{- with $v.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if or $v.library.configuration.files $v.podAnnotations }}
  annotations:
    {{- with $v.library.configuration.files }}
    # The library reads its configuration once.
    checksum/library: {{ toJson . | sha256sum }}
    {{- end }}
    {{- with $v.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
spec:
  # Else the Service puts variables of its own into the environment: SIGNING_SERVICE_PORT is one of them.
  enableServiceLinks: false
  automountServiceAccountToken: false
  serviceAccountName: {{ include "signing-service.serviceAccountName" . }}
  terminationGracePeriodSeconds: {{ include "signing-service.gracePeriod" . }}
  {{- with $v.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    {{- toYaml $v.podSecurityContext | nindent 4 }}
  {{- if or $v.topologySpread.zones $v.topologySpread.nodes }}
  topologySpreadConstraints:
    {{- range $key, $wish := dict "topology.kubernetes.io/zone" $v.topologySpread.zones "kubernetes.io/hostname" $v.topologySpread.nodes }}
    {{- with $wish }}
    - maxSkew: 1
      topologyKey: {{ $key }}
      whenUnsatisfiable: {{ . }}
      labelSelector:
        matchLabels:
          {{- include "signing-service.selectorLabels" (dict "root" $ "component" "service") | nindent 10 }}
      # Each version is spread by itself, so that the former one does not push the next aside during an update.
      matchLabelKeys: [{{ ternary "controller-revision-hash" "pod-template-hash" $v.audit.enabled }}]
    {{- end }}
    {{- end }}
  {{- end }}
  {{- with $v.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.library.image }}
  {{- if .repository }}
  initContainers:
    - name: library
      image: {{ include "signing-service.image" (dict "image" . "tag" "latest") }}
      imagePullPolicy: {{ .pullPolicy }}
      command: [cp, -RP, "{{ $v.library.path }}/.", /library]
      resources:
        requests: { cpu: 10m, memory: 16Mi }
        limits: { memory: 64Mi }
      securityContext:
        {{- toYaml $v.securityContext | nindent 8 }}
      volumeMounts:
        - { name: library, mountPath: /library }
  {{- end }}
  {{- end }}
  containers:
    # Without a command: the image's entry point forbids core dumps, for which Kubernetes has no setting.
    - name: signing-service
      image: {{ include "signing-service.image" (dict "image" $v.image "tag" .Chart.AppVersion) }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      ports:
        - { name: http, containerPort: 6000 }
        - { name: admin, containerPort: 9090 }
      resources:
        {{- toYaml $v.resources | nindent 8 }}
      env:
        - { name: ADMIN_PORT, value: "9090" }
        {{- with $v.library.module }}
        - { name: HSM_MODULE, value: {{ . | quote }} }
        {{- end }}
        {{- if $v.pin.existingSecret }}
        - { name: HSM_PIN_FILE, value: /run/secrets/hsm/pin }
        {{- else if $v.pin.secretProviderClass }}
        - { name: HSM_PIN_FILE, value: "/run/secrets/hsm/{{ $v.pin.secretProviderFile }}" }
        {{- else if $v.pin.awsSecretId }}
        - { name: HSM_PIN_SECRET_ID, value: {{ $v.pin.awsSecretId | quote }} }
        {{- end }}
        {{- if or $v.signers.file $v.signers.existingConfigMap }}
        - { name: SIGNERS_FILE, value: /etc/signing-service/signers/signers.json }
        {{- end }}
        {{- if and (eq $v.settings.ACCESS "tokens") (or $accessMap $v.access.existingSecret) }}
        - { name: ACCESS_FILE, value: /etc/signing-service/access/access.json }
        {{- end }}
        {{- if $v.access.keys }}
        - { name: ACCESS_JWT_KEYS, value: /etc/signing-service/access/jwks.json }
        {{- end }}
        {{- if $tls }}
        - { name: TLS_CERT_FILE, value: /run/secrets/tls/tls.crt }
        - { name: TLS_KEY_FILE, value: /run/secrets/tls/tls.key }
        {{- end }}
        {{- if $v.tls.clientCa.existingSecret }}
        - { name: TLS_CLIENT_CA_FILE, value: /run/secrets/client-ca/ca.crt }
        {{- end }}
        {{- if $v.audit.enabled }}
        - { name: AUDIT_FILE, value: /var/lib/signing-service/audit/audit.jsonl }
        {{- end }}
        {{- if $v.softhsm.enabled }}
        - { name: DEMO_DIRECTORY, value: /var/lib/demo }
        {{- end }}
        {{- range $name, $value := $v.settings }}
        - { name: {{ $name }}, value: {{ include "signing-service.setting" $value }} }
        {{- end }}
        {{- with $v.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      startupProbe:
        httpGet: { path: /health/live, port: admin }
        {{- toYaml $v.probes.startup | nindent 8 }}
      readinessProbe:
        httpGet: { path: /health/ready, port: admin }
        {{- toYaml $v.probes.readiness | nindent 8 }}
      livenessProbe:
        httpGet: { path: /health/live, port: admin }
        {{- toYaml $v.probes.liveness | nindent 8 }}
      securityContext:
        {{- toYaml $v.securityContext | nindent 8 }}
      volumeMounts:
        - { name: tmp, mountPath: /tmp }
        {{- if $library }}
        - { name: library, mountPath: {{ $v.library.path | quote }}, readOnly: true }
        {{- end }}
        {{- if $libraryMap }}
        - { name: library-configuration, mountPath: {{ $v.library.configuration.path | quote }}, readOnly: true }
        {{- end }}
        {{- with $v.library.writablePath }}
        - { name: library-writable, mountPath: {{ . | quote }} }
        {{- end }}
        {{- if $pinSecret }}
        - { name: pin, mountPath: /run/secrets/hsm, readOnly: true }
        {{- end }}
        {{- if $signers }}
        - { name: signers, mountPath: /etc/signing-service/signers, readOnly: true }
        {{- end }}
        {{- if or $accessMap $v.access.existingSecret }}
        - { name: access, mountPath: /etc/signing-service/access, readOnly: true }
        {{- end }}
        {{- if $tls }}
        - { name: tls, mountPath: /run/secrets/tls, readOnly: true }
        {{- end }}
        {{- if $v.tls.clientCa.existingSecret }}
        - { name: client-ca, mountPath: /run/secrets/client-ca, readOnly: true }
        {{- end }}
        {{- if $v.audit.enabled }}
        - { name: audit, mountPath: /var/lib/signing-service/audit }
        {{- end }}
        {{- if $v.softhsm.enabled }}
        - { name: demo, mountPath: /var/lib/demo }
        {{- end }}
        {{- with $v.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: tmp
      emptyDir: { medium: Memory, sizeLimit: 64Mi }
    {{- if $library }}
    - name: library
      {{- with $v.library.volume }}
      {{- toYaml . | nindent 6 }}
      {{- else }}
      emptyDir: { sizeLimit: 512Mi }
      {{- end }}
    {{- end }}
    {{- with $libraryMap }}
    - name: library-configuration
      configMap: { name: {{ . | quote }}, defaultMode: 0440 }
    {{- end }}
    {{- if $v.library.writablePath }}
    - name: library-writable
      emptyDir: { medium: Memory, sizeLimit: 16Mi }
    {{- end }}
    {{- if $v.pin.existingSecret }}
    - name: pin
      secret:
        secretName: {{ $v.pin.existingSecret | quote }}
        defaultMode: 0440
        items:
          - { key: {{ $v.pin.secretKey | quote }}, path: pin }
    {{- else if $v.pin.secretProviderClass }}
    - name: pin
      csi:
        driver: secrets-store.csi.k8s.io
        readOnly: true
        volumeAttributes: { secretProviderClass: {{ $v.pin.secretProviderClass | quote }} }
    {{- end }}
    {{- with $signers }}
    - name: signers
      configMap: { name: {{ . | quote }}, defaultMode: 0440 }
    {{- end }}
    {{- if $v.access.existingSecret }}
    - name: access
      secret: { secretName: {{ $v.access.existingSecret | quote }}, defaultMode: 0440 }
    {{- else if $accessMap }}
    - name: access
      configMap: { name: {{ $accessMap | quote }}, defaultMode: 0440 }
    {{- end }}
    {{- with $tls }}
    - name: tls
      secret: { secretName: {{ . | quote }}, defaultMode: 0440 }
    {{- end }}
    {{- with $v.tls.clientCa }}
    {{- if .existingSecret }}
    - name: client-ca
      secret:
        secretName: {{ .existingSecret | quote }}
        defaultMode: 0440
        items:
          - { key: {{ .secretKey | quote }}, path: ca.crt }
    {{- end }}
    {{- end }}
    {{- if $v.softhsm.enabled }}
    - name: demo
      emptyDir: { sizeLimit: 64Mi }
    {{- end }}
    {{- with $v.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
