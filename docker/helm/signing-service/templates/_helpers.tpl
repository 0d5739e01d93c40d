{{/* Name in labels. */}}
{{- define "signing-service.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Name of all objects: short enough for the suffixes that some of them have. */}}
{{- define "signing-service.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $made := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $made .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* Labels by which pods are chosen: a dict of root and component. */}}
{{- define "signing-service.selectorLabels" -}}
app.kubernetes.io/name: {{ include "signing-service.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Labels of an object: a dict of root and component. */}}
{{- define "signing-service.labels" -}}
{{ include "signing-service.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "signing-service.serviceAccountName" -}}
{{- default (ternary (include "signing-service.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{/* Reference of an image: a dict of image and tag, which counts where the image has neither tag nor digest. */}}
{{- define "signing-service.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ default .tag .image.tag }}
{{- end }}
{{- end }}

{{/* A setting as a variable has it. Helm reads numbers as floating point ones, which it would print as 1e+06. */}}
{{- define "signing-service.setting" -}}
{{- if kindIs "string" . }}{{ . | quote }}{{ else }}{{ toJson . | quote }}{{ end }}
{{- end }}

{{/* ConfigMap of the signers, or nothing. */}}
{{- define "signing-service.signersConfigMap" -}}
{{- if .Values.signers.existingConfigMap -}}
{{ .Values.signers.existingConfigMap }}
{{- else if or .Values.signers.file .Values.signers.certificates -}}
{{ include "signing-service.fullname" . }}-signers
{{- end }}
{{- end }}

{{/* ConfigMap of users or keys, or nothing. */}}
{{- define "signing-service.accessConfigMap" -}}
{{- if .Values.access.existingConfigMap -}}
{{ .Values.access.existingConfigMap }}
{{- else if or .Values.access.users .Values.access.keys -}}
{{ include "signing-service.fullname" . }}-access
{{- end }}
{{- end }}

{{/* ConfigMap of the library's configuration, or nothing. */}}
{{- define "signing-service.libraryConfigMap" -}}
{{- if .Values.library.configuration.existingConfigMap -}}
{{ .Values.library.configuration.existingConfigMap }}
{{- else if .Values.library.configuration.files -}}
{{ include "signing-service.fullname" . }}-library
{{- end }}
{{- end }}

{{/* Secret with certificate and key for TLS, or nothing. */}}
{{- define "signing-service.tlsSecret" -}}
{{- if .Values.tls.existingSecret -}}
{{ .Values.tls.existingSecret }}
{{- else if .Values.tls.certManager.enabled -}}
{{ include "signing-service.fullname" . }}-tls
{{- end }}
{{- end }}

{{/* Address of the Service, by the name that its certificate has. */}}
{{- define "signing-service.url" -}}
{{ ternary "https" "http" (ne (include "signing-service.tlsSecret" .) "") }}://{{ include "signing-service.fullname" . }}:{{ .Values.service.port }}
{{- end }}

{{/* Seconds that a replica may take to end: SHUTDOWN_DELAY_MS, HSM_TIMEOUT_MS, five seconds, and one to spare. */}}
{{- define "signing-service.gracePeriod" -}}
{{- $ms := add (int64 .Values.settings.SHUTDOWN_DELAY_MS) (int64 .Values.settings.HSM_TIMEOUT_MS) -}}
{{ add (ceil (divf $ms 1000)) 6 }}
{{- end }}

{{/* Refuses values that do not go together, all at once, in words that say what to do. */}}
{{- define "signing-service.validate" -}}
{{- $v := .Values }}
{{- $problems := list }}
{{- $pins := compact (list $v.pin.existingSecret $v.pin.secretProviderClass $v.pin.awsSecretId) }}
{{- if $v.softhsm.enabled }}
  {{- if gt (int $v.replicaCount) 1 }}
    {{- $problems = append $problems "softhsm: each replica would have a key of its own: set replicaCount to 1" }}
  {{- end }}
  {{- if or $v.autoscaling.enabled $v.audit.enabled $pins }}
    {{- $problems = append $problems "softhsm: the token in the pod is for a trial: without autoscaling, audit and pin" }}
  {{- end }}
{{- else }}
  {{- if ne (len $pins) 1 }}
    {{- $problems = append $problems "pin: set exactly one of pin.existingSecret, pin.secretProviderClass and pin.awsSecretId" }}
  {{- end }}
  {{- $users := compact (list $v.access.existingSecret $v.access.existingConfigMap (ternary "users" "" (gt (len $v.access.users) 0))) }}
  {{- if eq $v.settings.ACCESS "tokens" }}
    {{- if ne (len $users) 1 }}
      {{- $problems = append $problems "access: settings.ACCESS is tokens: set exactly one of access.users, access.existingSecret and access.existingConfigMap" }}
    {{- end }}
  {{- else if $users }}
    {{- $problems = append $problems "access: users are for settings.ACCESS of tokens alone" }}
  {{- end }}
  {{- if eq $v.settings.ACCESS "jwt" }}
    {{- $keys := compact (list (get $v.settings "ACCESS_JWT_KEYS") (get $v.settings "ACCESS_JWT_SECRET_FILE") (ternary "keys" "" (gt (len $v.access.keys) 0))) }}
    {{- if ne (len $keys) 1 }}
      {{- $problems = append $problems "access: settings.ACCESS is jwt: set exactly one of access.keys, settings.ACCESS_JWT_KEYS and settings.ACCESS_JWT_SECRET_FILE" }}
    {{- end }}
  {{- else if $v.access.keys }}
    {{- $problems = append $problems "access: keys are for settings.ACCESS of jwt alone" }}
  {{- end }}
  {{- if and $v.networkPolicy.enabled (not $v.networkPolicy.hsm) }}
    {{- $problems = append $problems "networkPolicy: the pods would reach no HSM: set networkPolicy.hsm to its addresses, or networkPolicy.enabled to false" }}
  {{- end }}
{{- end }}
{{- if and $v.library.image.repository $v.library.volume }}
  {{- $problems = append $problems "library: set library.image or library.volume, not both" }}
{{- end }}
{{- if and $v.library.configuration.files $v.library.configuration.existingConfigMap }}
  {{- $problems = append $problems "library: set library.configuration.files or library.configuration.existingConfigMap, not both" }}
{{- end }}
{{- if and $v.signers.existingConfigMap (or $v.signers.file $v.signers.certificates) }}
  {{- $problems = append $problems "signers: signers.existingConfigMap takes the place of signers.file and signers.certificates" }}
{{- end }}
{{- if and $v.tls.existingSecret $v.tls.certManager.enabled }}
  {{- $problems = append $problems "tls: set tls.existingSecret or tls.certManager, not both" }}
{{- end }}
{{- if and $v.tls.certManager.enabled (not $v.tls.certManager.issuerRef.name) }}
  {{- $problems = append $problems "tls: set tls.certManager.issuerRef to the issuer, with name and kind" }}
{{- end }}
{{- if and $v.tls.clientCa.existingSecret (eq (include "signing-service.tlsSecret" .) "") }}
  {{- $problems = append $problems "tls: certificates of callers take TLS: set tls.existingSecret or tls.certManager" }}
{{- end }}
{{- if $v.check.enabled }}
  {{- if and (ne $v.settings.ACCESS "open") (not $v.check.tokenSecret) }}
    {{- $problems = append $problems "check: a signature takes a token: set check.tokenSecret" }}
  {{- end }}
  {{- if and $v.check.signerCa (eq (include "signing-service.signersConfigMap" .) "") }}
    {{- $problems = append $problems "check: check.signerCa is a file of signers.certificates or of signers.existingConfigMap" }}
  {{- end }}
  {{- if and $v.tls.clientCa.existingSecret (not $v.check.clientSecret) }}
    {{- $problems = append $problems "check: callers must show a certificate: set check.clientSecret" }}
  {{- end }}
{{- end }}
{{- if $problems }}
  {{- printf "\n\n- %s\n" (join "\n- " $problems) | fail }}
{{- end }}
{{- end }}
