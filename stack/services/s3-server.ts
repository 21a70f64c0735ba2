import { mkdirSync } from 'node:fs';
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import type { Credentials } from '../credentials.ts';
import type { Home } from '../home.ts';
import { loopback } from '../ports.ts';
import { ServiceProcess } from '../processes/service-process.ts';

export const s3Region = 'us-east-1';

/**
 * Object metadata lives in extended attributes, or, where the file system has none, in a folder of its own (`sidecar`).
 */
export function startS3(
  home: Home,
  program: string,
  port: number,
  credentials: Credentials,
  sidecar: boolean,
): ServiceProcess {
  if (sidecar) mkdirSync(home.s3Sidecar, { recursive: true });
  return new ServiceProcess(home, {
    name: 's3',
    command: program,
    args: [
      '--port',
      `${loopback}:${port}`,
      '--region',
      s3Region,
      '--quiet',
      'posix',
      ...(sidecar ? ['--sidecar', home.s3Sidecar] : []),
      home.s3,
    ],
    env: {
      ROOT_ACCESS_KEY_ID: credentials.s3.accessKeyId,
      ROOT_SECRET_ACCESS_KEY: credentials.s3.secretAccessKey,
    },
    stopSignal: 'SIGTERM',
  });
}

/** A signed request: also proves that the server knows our credentials. */
export async function s3Answers(port: number, credentials: Credentials): Promise<boolean> {
  const client = new S3Client({
    endpoint: `http://${loopback}:${port}`,
    region: s3Region,
    forcePathStyle: true,
    credentials: credentials.s3,
    maxAttempts: 1,
  });
  try {
    await client.send(new ListBucketsCommand({}));
    return true;
  } finally {
    client.destroy();
  }
}
