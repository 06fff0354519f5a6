// Times in words that a person would use.

/** How long something will take: "about 20 s", "about 2 min". */
export function about(seconds) {
  if (seconds < 10) return `about ${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 57.5) return `about ${5 * Math.round(seconds / 5)} s`;
  if (seconds < 3570) return `about ${Math.max(1, Math.round(seconds / 60))} min`;
  const hours = Math.max(1, Math.round(seconds / 3600));
  return `about ${hours} h`;
}

/** How long something took: "3.2 s", "48 s", "2 min 5 s". */
export function took(seconds) {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
