import type { GoProgram } from './go-program.ts';
import type { Release } from './release.ts';

/** The names that releases use for this machine; undefined when vendors publish nothing for it. */
function platform(): { readonly os: 'linux' | 'darwin'; readonly arch: 'amd64' | 'arm64' } | undefined {
  const os = process.platform === 'linux' || process.platform === 'darwin' ? process.platform : undefined;
  const arch = process.arch === 'x64' ? 'amd64' : process.arch === 'arm64' ? 'arm64' : undefined;
  return os === undefined || arch === undefined ? undefined : { os, arch };
}

function temporalRelease(version: string): Release | undefined {
  const here = platform();
  if (here === undefined) return undefined;
  const base = `https://github.com/temporalio/cli/releases/download/v${version}`;
  return {
    archive: `${base}/temporal_cli_${version}_${here.os}_${here.arch}.tar.gz`,
    checksums: `${base}/checksums.txt`,
  };
}

function versitygwRelease(version: string): Release | undefined {
  const here = platform();
  if (here === undefined) return undefined;
  const base = `https://github.com/versity/versitygw/releases/download/v${version}`;
  const os = here.os === 'linux' ? 'Linux' : 'Darwin';
  const arch = here.arch === 'amd64' ? 'x86_64' : here.arch;
  return { archive: `${base}/versitygw_v${version}_${os}_${arch}.tar.gz`, checksums: `${base}/checksums.txt` };
}

// Newer CLI modules carry replace directives, which `go install` refuses.
const temporalVersion = '1.5.1';

/** Temporal's command line, which holds the development server. A build from source knows its server's version only. */
export const temporalCli: GoProgram = {
  name: 'temporal',
  title: 'Temporal',
  version: temporalVersion,
  modulePath: 'github.com/temporalio/cli/cmd/temporal',
  installed: { args: ['--version'], pattern: /Server (\d+)\.(\d+)\.(\d+)/, atLeast: [1, 29, 1] },
  release: temporalRelease(temporalVersion),
};

const versitygwVersion = '1.8.0';

/** An S3 server that keeps objects as plain files and has S3's conditional writes. */
export const versitygw: GoProgram = {
  name: 'versitygw',
  title: 'the S3 server',
  version: versitygwVersion,
  modulePath: 'github.com/versity/versitygw/cmd/versitygw',
  installed: { args: ['--version'], pattern: /Version\s*:\s*v?(\d+)\.(\d+)\.(\d+)/, atLeast: [1, 8, 0] },
  release: versitygwRelease(versitygwVersion),
};
