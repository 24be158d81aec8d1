// What was labelled in each training image.

import { get } from "./api.js";

/** A promise of filename → objects; a picture about which nothing is said is left out. */
export async function labels(version, samples) {
  const found = new Map();
  const annotated = samples.filter(({ annotation }) => annotation);
  await Promise.all(annotated.map(async ({ filename }) => {
    const query = new URLSearchParams({ filename, version: version.number });
    const annotation = await get(`/datasets/${version.dataset}/annotation?${query}`);
    found.set(filename, annotation.objects ?? []);
  }));
  return found;
}
