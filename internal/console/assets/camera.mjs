// The part of a form with data-camera puts a photograph of the camera into the form's field
// for a file. It is hidden where the browser has no camera for this page.
const part = document.querySelector("[data-camera]");
const field = part.closest("form").elements.photo;
const [start, take, video, taken, problem] = ["[data-start]", "[data-take]", "video", "[data-taken]", "[data-problem]"].map((s) => part.querySelector(s));

// show shows what is possible: starting the camera, or taking what it sees.
function show(running) {
  start.hidden = running;
  take.hidden = video.hidden = !running;
}

function stop() {
  for (const track of video.srcObject.getTracks()) track.stop();
  video.srcObject = null;
  show(false);
}

start.addEventListener("click", async () => {
  problem.hidden = taken.hidden = true;
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 1280 } } });
    await video.play();
    show(true);
    take.focus();
  } catch {
    problem.hidden = false;
  }
});

take.addEventListener("click", async () => {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d").drawImage(video, 0, 0);
  const photo = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
  const files = new DataTransfer();
  files.items.add(new File([photo], "camera.jpg", { type: photo.type }));
  field.files = files.files;
  stop();
  taken.hidden = false;
  start.focus();
});

part.hidden = !navigator.mediaDevices;
