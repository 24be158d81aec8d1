// What was labelled in each training image.

import { get } from "./api.js";

/** A promise of filename → objects. */
export async function labels(version, samples) {
  const found = new Map();
  await Promise.all(samples.filter(({ annotation }) => annotation).map(async (sample) => {
    const annotation = await get(`/annotations/${sample.annotation}`);
    found.set(sample.filename, annotation.objects ?? []);
  }));
  return found;
}
