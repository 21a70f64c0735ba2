import { describe } from '@jest/globals';
import { findPublicData } from '../../ingestion/sources/public-data.ts';

/** A `describe` that needs the public data sets: without them it is skipped, and says so where nobody can miss it. */
export function describeWithSharedData(name: string, define: () => void): void {
  if (findPublicData() !== undefined) {
    describe(name, define);
    return;
  }
  console.warn(`SKIPPED: ${name}: the public data sets are not in ../shared/data (or in MILLRACE_SHARED_DATA).`);
  describe.skip(name, define);
}
