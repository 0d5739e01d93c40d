/** The Perl module with which monitoring systems and plugins read and write performance data. */
import { execFileSync } from 'node:child_process'

const PARSE = `
use Monitoring::Plugin::Performance use_die => 1;
use JSON::PP;
my @values = Monitoring::Plugin::Performance->parse_perfstring($ARGV[0]);
print encode_json([map { {
  label => $_->label, value => $_->value + 0, unit => $_->uom, warning => "".$_->warning, critical => "".$_->critical
} } @values]);
`

/** One value of performance data. */
export interface PerformanceValue {
  readonly label: string
  readonly value: number
  readonly unit: string
  readonly warning: string
  readonly critical: string
}

/** Why it cannot be used; false where it is installed. */
export const WITHOUT_MONITORING_PLUGIN = isInstalled()
  ? false
  : 'Monitoring::Plugin is not installed (docker/install-tools.sh monitoring-plugin)'

function isInstalled(): boolean {
  try {
    execFileSync('perl', ['-MMonitoring::Plugin::Performance', '-MJSON::PP', '-e', '1'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Returns what it reads of the text behind the bar of a plugin's first line. */
export function parsePerformance(text: string): PerformanceValue[] {
  return JSON.parse(execFileSync('perl', ['-e', PARSE, text], { encoding: 'utf8' }))
}
