import type { Client } from '@temporalio/client';

type LoadedConverter = Client['options']['loadedDataConverter'];
type Payload = Parameters<LoadedConverter['payloadConverter']['fromPayload']>[0];

/** The values of payloads taken from a history, decrypted where the client has a codec. */
export async function decodePayloads(client: Client, payloads: readonly Payload[]): Promise<unknown[]> {
  const { payloadCodecs, payloadConverter } = client.options.loadedDataConverter;
  let decoded: Payload[] = [...payloads];
  for (const codec of [...payloadCodecs].reverse()) decoded = await codec.decode(decoded);
  return decoded.map((payload) => payloadConverter.fromPayload<unknown>(payload));
}
