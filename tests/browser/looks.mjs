// How a page looks, measured in the browser: broken words and contrast.

/**
 * The words that are shown on more than one line: a break inside a word. What is no word
 * (`.opaque`) may break anywhere.
 */
export const brokenWords = (page) =>
  page.evaluate(() => {
    const broken = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node; node = texts.nextNode()) {
      if (
        !node.parentElement.checkVisibility() ||
        node.parentElement.closest('.hidden, .skip, .opaque, noscript, details:not([open])')
      )
        continue;
      for (const { 0: word, index } of node.textContent.matchAll(/[\p{L}_.]+/gu)) {
        const range = document.createRange();
        range.setStart(node, index);
        range.setEnd(node, index + word.length);
        if (new Set([...range.getClientRects()].map((rect) => Math.round(rect.top))).size > 1)
          broken.push(word);
      }
    }
    return broken;
  });

/**
 * The least contrast (WCAG 2.2, 1.4.3) between any text that is shown and what is painted behind
 * it.
 */
export const leastContrast = (page) =>
  page.evaluate(() => {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    const rgba = (color) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const luminance = (color) => {
      const [r, g, b] = rgba(color)
        .map((value) => value / 255)
        .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const color = getComputedStyle(at).backgroundColor;
        if (rgba(color)[3] === 255) return color;
      }
      return getComputedStyle(document.body).backgroundColor;
    };
    let least = { ratio: 99 };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node; node = texts.nextNode()) {
      const element = node.parentElement;
      if (
        !node.textContent.trim() ||
        !element.checkVisibility() ||
        element.closest('noscript, .hidden, .skip')
      )
        continue;
      const [a, b] = [luminance(getComputedStyle(element).color), luminance(behind(element))].sort(
        (x, y) => y - x,
      );
      const ratio = (a + 0.05) / (b + 0.05);
      if (ratio < least.ratio) least = { ratio, text: node.textContent.trim().slice(0, 40) };
    }
    return least;
  });
