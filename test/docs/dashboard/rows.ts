/** The panels of the dashboard, in the order in which somebody who was woken asks. */
import { graph, number, type PanelPlan, states, table } from './panels.ts'
import { quantile, quantiles, query, rate, rateBy, select } from './queries.ts'

interface Row {
  readonly title: string
  readonly panels: readonly PanelPlan[]
}

const REQUESTS = 'signing_service_http_request_duration_seconds'
const SIGNATURES = 'signing_service_signatures_total'
const REFUSALS = 'signing_service_refusals_total'
const CALLS = 'signing_service_hsm_call_duration_seconds'

/** Requests for signatures and certificates; probes are not among them. */
const POST = 'method="POST"'

const GLANCE: Row = {
  title: 'At a glance',
  panels: [
    number(
      {
        title: 'Signers that sign',
        description:
          'The share of signers, over all instances, whose requests are signed. Below 100 %: SigningServiceSignerNotReady.',
        unit: 'percentunit',
      },
      query('signers', `avg(${select('signing_service_signer_ready')})`),
      ['red', [1, 'green']],
    ),
    number(
      {
        title: 'Signatures a second',
        description: 'Signatures that reached whoever asked for them.',
        unit: 'reqps',
      },
      query('signatures', `sum(${rate(SIGNATURES, 'outcome="signed"')})`),
      ['green'],
    ),
    number(
      {
        title: 'Requests that fail',
        description:
          'The share of requests that end with a status of 500 or more, so not for a fault of the caller. From 2 % on: SigningServiceRequestsFail.',
        unit: 'percentunit',
      },
      query(
        'fail',
        `(sum(${rate(REFUSALS, 'status_code=~"5.."')}) / sum(${rate(`${REQUESTS}_count`, POST)}) >= 0) or vector(0)`,
      ),
      ['green', [0.001, 'orange'], [0.02, 'red']],
    ),
    number(
      {
        title: '99 of 100 answered within',
        description:
          'From the headers of a request until its answer is handed over. Document Engine waits 5 s by default.',
        unit: 's',
      },
      query('99 of 100', quantile(0.99, [], REQUESTS, POST)),
      ['green', [1, 'orange'], [4, 'red']],
    ),
    number(
      {
        title: '95 of 100 HSM calls within',
        description:
          'Time that the PKCS#11 library takes for a signature. Beyond its limit: SigningServiceHsmSlow.',
        unit: 's',
      },
      query('95 of 100', quantile(0.95, [], CALLS, 'operation="sign"')),
      ['green', [0.1, 'orange'], [1, 'red']],
    ),
    number(
      {
        title: 'A certificate ends in',
        description:
          'Days until the first certificate of any signer ends: SigningServiceCertificateExpires at 14 and at 3.',
        unit: 'd',
      },
      query('days', `min(${select('signing_service_certificate_days_left')})`),
      ['red', [3, 'orange'], [14, 'green']],
    ),
    number(
      {
        title: 'Revocations known up to',
        description:
          'Age of the oldest answer about a certificate of a signer. Beyond twice REVOCATION_MAX_AGE: SigningServiceRevocationInformationOld.',
        unit: 's',
      },
      query('age', `max(${select('signing_service_revocation_information_age_seconds')})`),
      ['green', [7200, 'orange'], [14400, 'red']],
    ),
    number(
      {
        title: 'Alerts that fire',
        description: 'Those of alerts.yaml. The table below has them.',
        unit: 'none',
      },
      query('alerts', 'count(ALERTS{alertname=~"SigningService.+",alertstate="firing"}) or vector(0)'),
      ['green', [1, 'red']],
    ),
    table(
      {
        title: 'Alerts',
        description: 'Firing, and pending ones that fire soon. docs/runbook.md has a chapter for each.',
      },
      query('', 'ALERTS{alertname=~"SigningService.+"}'),
      ['alertname', 'alertstate', 'severity', 'instance', 'token', 'signer', 'code', 'authority'],
    ),
  ],
}

const REQUEST_ROW: Row = {
  title: 'Requests',
  panels: [
    graph(
      {
        title: 'Signatures by signer and container',
        description:
          'Signatures that reached whoever asked for them: raw, pkcs7, or both forms of one for a page of the Web SDK.',
        unit: 'reqps',
      },
      [query('{{signer}} {{container}}', rateBy('signer, container', SIGNATURES, 'outcome="signed"'))],
      { stacked: true },
    ),
    graph(
      {
        title: 'Time until the answer',
        description:
          'From the headers of a request until its answer was handed over. The limit is HSM_TIMEOUT_MS, after which requests are answered HSM_TIMEOUT.',
        unit: 's',
      },
      [
        ...quantiles([], REQUESTS, POST),
        query('limit', `min(${select('signing_service_hsm_timeout_seconds')})`),
      ],
    ),
    graph(
      {
        title: 'Failures by code',
        description:
          'Requests that end with a status of 500 or more. The runbook has each code under Errors: SigningServiceRequestsFail.',
        unit: 'reqps',
      },
      [
        query(
          '{{status_code}} {{code}}',
          `${rateBy('code, status_code', REFUSALS, 'status_code=~"5.."')} > 0`,
        ),
      ],
      { stacked: true },
    ),
    graph(
      {
        title: 'Refusals by code',
        description:
          'Requests that are refused for what the caller sent: nobody needs to be woken, but a new kind tells of a change at the callers. RATE_LIMITED: SigningServiceRateLimited.',
        unit: 'reqps',
      },
      [
        query(
          '{{status_code}} {{code}}',
          `${rateBy('code, status_code', REFUSALS, 'status_code=~"4.."')} > 0`,
        ),
      ],
      { stacked: true },
    ),
    graph(
      {
        title: 'Answers by status',
        description:
          'All requests to sign or for certificates; none is a client that left before it was answered.',
        unit: 'reqps',
      },
      [query('{{status_code}}', rateBy('status_code', `${REQUESTS}_count`, POST))],
      { stacked: true },
    ),
    graph(
      {
        title: 'Containers by level',
        description:
          'What containers hold, and the code of the error that kept them from a higher level: SigningServiceContainersBelowLevel.',
        unit: 'reqps',
      },
      [
        query(
          '{{signer}} {{level}} {{shortfall}}',
          rateBy('signer, level, shortfall', 'signing_service_containers_total'),
        ),
      ],
      { stacked: true },
    ),
  ],
}

const HSM: Row = {
  title: 'HSM',
  panels: [
    graph(
      {
        title: 'Time of the HSM for a signature',
        description:
          'What the PKCS#11 library takes. The limit is twice what it takes in the busiest tenth of its week: SigningServiceHsmSlow. With more to do than before, add HSMs.',
        unit: 's',
      },
      [
        ...quantiles(['token'], CALLS, 'operation="sign"'),
        query('{{token}} limit', 'token:signing_service_hsm_sign_seconds:limit{job=~"$job"}'),
      ],
    ),
    graph(
      {
        title: 'Time in the queue',
        description:
          'From the arrival of a request until a session takes it. The limit is a quarter of HSM_TIMEOUT_MS: SigningServiceQueueLong.',
        unit: 's',
      },
      [
        ...quantiles(['token'], 'signing_service_hsm_wait_seconds'),
        query('limit', `min(${select('signing_service_hsm_timeout_seconds')}) / 4`),
      ],
    ),
    graph(
      {
        title: 'Sessions by state',
        description:
          'Busy ones sign; a zombie has been busy beyond its time. All busy for minutes: too few sessions or a slow HSM. Many that open: SigningServiceSessionsShort.',
        unit: 'short',
      },
      [query('{{token}} {{state}}', `sum by (token, state) (${select('signing_service_hsm_sessions')})`)],
      { stacked: true },
    ),
    graph(
      {
        title: 'Requests that wait',
        description:
          'In the queue of each instance. At the limit, HSM_QUEUE_LIMIT, others are refused: SigningServiceHsmBusy.',
        unit: 'short',
      },
      [
        query('{{instance}} {{token}}', select('signing_service_hsm_queue_length')),
        query('limit', `min(${select('signing_service_hsm_queue_limit')})`),
      ],
    ),
    states(
      {
        title: 'Tokens and signers',
        description:
          'Green while they sign, at all instances. SigningServiceTokenNotReady, SigningServiceSignerNotReady; /health/ready says why.',
      },
      [
        query('token {{token}}', `min by (token) (${select('signing_service_hsm_ready')})`),
        query('signer {{signer}}', `min by (signer) (${select('signing_service_signer_ready')})`),
      ],
      ['does not sign', 'signs'],
    ),
    graph(
      {
        title: 'What the library returned, but for CKR_OK',
        description:
          'Calls that failed, a second, by token and return value. The service repeats most of them: When the HSM fails, in docs/operations.md.',
        unit: 'reqps',
      },
      [
        query(
          '{{token}} {{operation}} {{return_value}}',
          `${rateBy('token, operation, return_value', 'signing_service_hsm_calls_total', 'return_value!="CKR_OK"')} or vector(0)`,
        ),
      ],
    ),
    graph(
      {
        title: 'Repetitions, sessions given up, wrong signatures',
        description:
          'Requests that another session got, sessions that were opened anew, and signatures that did not verify: SigningServiceWrongSignature.',
        unit: 'reqps',
      },
      [
        query('repeated: {{reason}}', rateBy('reason', 'signing_service_hsm_retries_total')),
        query('given up: {{reason}}', rateBy('reason', 'signing_service_hsm_session_evictions_total')),
        query('wrong signatures', `sum(${rate('signing_service_self_check_failures_total')})`),
      ],
    ),
    graph(
      {
        title: 'Logins and signer processes',
        description:
          'In an hour: logins by what the token returned, and replacements of signer processes: SigningServiceSignerProcessRestarts.',
        unit: 'short',
      },
      [
        query(
          'login {{token}} {{return_value}}',
          `sum by (token, return_value) (increase(${select('signing_service_hsm_logins_total')}[1h]))`,
        ),
        query(
          'process {{token}} {{reason}}',
          `sum by (token, reason) (increase(${select('signing_service_signer_process_restarts_total')}[1h]))`,
        ),
      ],
    ),
  ],
}

const OTHERS: Row = {
  title: 'Certificates, revocation and timestamps',
  panels: [
    graph(
      {
        title: 'Days until certificates end',
        description:
          'Of the chain of each signer, and of the port: SigningServiceCertificateExpires, SigningServiceTlsCertificateExpires. Negative where one has ended.',
        unit: 'd',
      },
      [
        query('{{signer}}', `min by (signer) (${select('signing_service_certificate_days_left')})`),
        query('TLS', `min(${select('signing_service_tls_certificate_days_left')})`),
      ],
    ),
    graph(
      {
        title: 'Age of revocation information',
        description:
          'Since the last answer about that certificate of each chain of which there is none for longest. The limit is twice REVOCATION_MAX_AGE: SigningServiceRevocationInformationOld.',
        unit: 's',
      },
      [
        query(
          '{{signer}}',
          `max by (signer) (${select('signing_service_revocation_information_age_seconds')})`,
        ),
        query('limit', `2 * min(${select('signing_service_revocation_max_age_seconds')})`),
      ],
    ),
    graph(
      {
        title: 'Revocation information stays fresh for',
        description:
          'Until the first OCSP response or CRL about the chain ends, of signers of level b-lt. At 0: SigningServiceRevocationInformationMissing.',
        unit: 's',
      },
      [
        query(
          '{{signer}}',
          `min by (signer) (${select('signing_service_revocation_information_expiry_timestamp_seconds')} - time())`,
        ),
      ],
    ),
    graph(
      {
        title: 'Requests to OCSP responders and for CRLs',
        description: 'In an hour, by what became of them. The log names who does not answer.',
        unit: 'short',
      },
      [
        query(
          '{{source}} {{outcome}}',
          `sum by (source, outcome) (increase(${select('signing_service_revocation_requests_total')}[1h]))`,
        ),
      ],
    ),
    graph(
      {
        title: 'Timestamps by authority',
        description:
          'Requests to timestamp authorities by what became of them: SigningServiceTimestampAuthorityAway.',
        unit: 'reqps',
      },
      [
        query(
          '{{authority}} {{outcome}}',
          rateBy('authority, outcome', 'signing_service_timestamp_requests_total'),
        ),
      ],
    ),
    graph(
      {
        title: 'Time of timestamp authorities',
        description:
          'Until an answer was checked, or given up. It is part of the time of each container of level b-t and b-lt.',
        unit: 's',
      },
      quantiles(['authority'], 'signing_service_timestamp_duration_seconds'),
    ),
  ],
}

const AUDIT: Row = {
  title: 'Audit log',
  panels: [
    states(
      {
        title: 'Decisions can be recorded',
        description:
          'While they cannot, nothing is signed: SigningServiceAuditUnavailable. Empty without AUDIT_FILE.',
      },
      [query('{{instance}}', select('signing_service_audit_ready'))],
      ['cannot', 'can'],
    ),
    graph(
      {
        title: 'Time until a record is on the disk',
        description:
          'Each answer waits for its record. 95 of 100 take more than a second: SigningServiceAuditSlow.',
        unit: 's',
      },
      quantiles([], 'signing_service_audit_wait_seconds'),
    ),
    graph(
      {
        title: 'Records',
        description: 'Decisions, refusals that were only counted, and checkpoints, a second.',
        unit: 'reqps',
      },
      [query('{{kind}}', rateBy('kind', 'signing_service_audit_records_total'))],
      { width: 8 },
    ),
    graph(
      {
        title: 'Free on its disk',
        description: 'Nothing is signed once it is full: SigningServiceAuditDiskFills below 1 GB.',
        unit: 'bytes',
      },
      [query('{{instance}}', select('signing_service_audit_free_bytes'))],
      { width: 8 },
    ),
    graph(
      {
        title: 'Age of the last checkpoint',
        description:
          'Records since then are not covered by a signature. The limit is three times AUDIT_CHECKPOINT_SECONDS: SigningServiceAuditCheckpointOverdue.',
        unit: 's',
      },
      [
        query('{{instance}}', select('signing_service_audit_checkpoint_age_seconds')),
        query('limit', `3 * min(${select('signing_service_audit_checkpoint_interval_seconds')})`),
      ],
      { width: 8 },
    ),
  ],
}

const PROCESS: Row = {
  title: 'Limits and the process',
  panels: [
    graph(
      {
        title: 'Limits used',
        description:
          'The share of each limit that is taken, at the instance that takes most. At 100 % the next one is refused, closed or answered RATE_LIMITED.',
        unit: 'percentunit',
      },
      [
        query(
          'sessions of {{token}}',
          `max by (token) (${select('signing_service_hsm_sessions', 'state="busy"')} / on (job, instance, token) sum by (job, instance, token) (${select('signing_service_hsm_sessions')}))`,
        ),
        query(
          'queue of {{token}}',
          `max by (token) (${select('signing_service_hsm_queue_length')} / on (job, instance) group_left ${select('signing_service_hsm_queue_limit')})`,
        ),
        query(
          'connections',
          `max(${select('signing_service_http_connections')} / ${select('signing_service_http_connections_limit')})`,
        ),
        query(
          'memory for bodies',
          `max(${select('signing_service_http_body_bytes')} / ${select('signing_service_http_body_bytes_limit')})`,
        ),
        query(
          'minute of {{signer}}',
          `max by (signer) (60 * sum by (job, instance, signer) (${rate(SIGNATURES, 'outcome!="RATE_LIMITED"')}) / on (job, instance) group_left sum by (job, instance) (${select('signing_service_rate_limit_per_minute', 'scope="signer"')}))`,
        ),
      ],
    ),
    graph(
      {
        title: 'Time since the start',
        description: 'Each fall to 0 is a restart of an instance: SigningServiceRestarts.',
        unit: 's',
      },
      [query('{{instance}}', `time() - ${select('process_start_time_seconds')}`)],
    ),
    graph(
      {
        title: 'Connections that were closed',
        description: 'In an hour, as one too many came: SigningServiceConnectionsShed.',
        unit: 'short',
      },
      [
        query(
          '{{reason}}',
          `sum by (reason) (increase(${select('signing_service_http_connections_shed_total')}[1h]))`,
        ),
      ],
      { width: 8 },
    ),
    graph(
      {
        title: 'Log lines that are missing',
        description:
          'In an hour. The disk of the log is full, or nobody reads it: SigningServiceLogNotWritten.',
        unit: 'short',
      },
      [
        query('dropped lines', `sum(increase(${select('signing_service_log_dropped_lines_total')}[1h]))`),
        query('failed writes', `sum(increase(${select('signing_service_log_write_failures_total')}[1h]))`),
      ],
      { width: 8 },
    ),
    graph(
      {
        title: 'Changed configurations',
        description:
          'In an hour, by what became of them. A refused one would keep the service from starting: SigningServiceReloadRefused, SigningServiceReloadPending.',
        unit: 'short',
      },
      [query('{{outcome}}', `sum by (outcome) (increase(${select('signing_service_reloads_total')}[1h]))`)],
      { width: 8 },
    ),
    graph(
      {
        title: 'Processor',
        description:
          'Cores that the HTTP process uses. It works on one: near 100 % more replicas are due, see docs/replicas.md.',
        unit: 'percentunit',
      },
      [query('{{instance}}', rate('process_cpu_seconds_total'))],
      { width: 8 },
    ),
    graph(
      {
        title: 'Memory',
        description:
          'Resident memory of the HTTP process, without the signer processes. A steady rise ends with exit code 137.',
        unit: 'bytes',
      },
      [query('{{instance}}', select('process_resident_memory_bytes'))],
      { width: 8 },
    ),
    graph(
      {
        title: 'Delay of the event loop',
        description:
          'What 99 of 100 turns of the HTTP process are late. Beyond 100 ms it has more to do than one core does.',
        unit: 's',
      },
      [query('{{instance}}', select('nodejs_eventloop_lag_p99_seconds'))],
      { width: 8 },
    ),
    table(
      {
        title: 'Versions',
        description:
          'What runs. Two versions at once are an update that is under way, or one that has stopped half way.',
      },
      query('', select('signing_service_build_info')),
      ['job', 'instance', 'version', 'node_version'],
    ),
  ],
}

export const ROWS: readonly Row[] = [GLANCE, REQUEST_ROW, HSM, OTHERS, AUDIT, PROCESS]
