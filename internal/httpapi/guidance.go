package httpapi

import "strings"

// guidance says what a person can do about an error, in Bahasa Indonesia and
// in English. The texts are fixed: nothing that was sent is in them.
type guidance struct {
	ID string `json:"id"`
	EN string `json:"en"`
}

var (
	guideName = &guidance{
		ID: "Isi nama lengkap sesuai KTP, 1 sampai 60 karakter.",
		EN: "Give the full name as on the identity card, 1 to 60 characters.",
	}
	guideAttribute = &guidance{
		ID: "Periksa kembali data yang diisi.",
		EN: "Check the details that were given.",
	}
	guideNoFile = &guidance{
		ID: "Lampirkan foto wajah pada bagian face_image.",
		EN: "Attach a photograph of the face as face_image.",
	}
	guideUnsupportedImage = &guidance{
		ID: "Gunakan foto berformat JPEG atau PNG.",
		EN: "Use a photograph in JPEG or PNG format.",
	}
	guideInvalidImage = &guidance{
		ID: "Berkas foto rusak atau tidak lengkap. Ambil atau unggah ulang foto.",
		EN: "The photograph's file is damaged or incomplete. Take or upload it again.",
	}
	guideFaceNotDetected = &guidance{
		ID: "Wajah tidak ditemukan. Pastikan seluruh wajah terlihat jelas di dalam foto.",
		EN: "No face was found. Make sure that the whole face is clearly visible in the photograph.",
	}
	guideMultipleFaces = &guidance{
		ID: "Terdapat lebih dari satu wajah. Ambil foto satu orang saja.",
		EN: "There is more than one face. Take a photograph of one person only.",
	}
	guideFaceQuality = &guidance{
		ID: "Ambil ulang foto dengan wajah terlihat jelas.",
		EN: "Take the photograph again with the face clearly visible.",
	}
	guideReplay = &guidance{
		ID: "Foto ini sudah pernah digunakan. Ambil foto baru sekarang dengan kamera, jangan memakai foto lama.",
		EN: "This photograph has been used before. Take a new one with the camera now; do not use an old one.",
	}
	guideAttack = &guidance{
		ID: "Ambil foto baru langsung dari wajah Anda di tempat yang terang, bukan dari foto cetak atau layar.",
		EN: "Take a new photograph of your own face, in good light, and not of a print or a screen.",
	}
	guideTooLarge = &guidance{
		ID: "Gunakan foto dengan ukuran berkas atau resolusi yang lebih kecil.",
		EN: "Use a photograph with a smaller file size or resolution.",
	}
	guideUnsupportedContent = &guidance{
		ID: "Kirim permintaan sebagai multipart/form-data atau application/json, tanpa Content-Encoding.",
		EN: "Send the request as multipart/form-data or application/json, without a Content-Encoding.",
	}
	guideMalformed = &guidance{
		ID: "Isi permintaan rusak, tidak lengkap, atau memuat bagian yang sama dua kali.",
		EN: "The request's body is broken, incomplete, or holds the same part twice.",
	}
)

// measureGuide is what to do about a quality measure that failed, by the
// names that face.Measure gives them.
var measureGuide = map[string]guidance{
	"inter_eye_distance": {
		ID: "Dekatkan wajah ke kamera atau gunakan foto beresolusi lebih tinggi.",
		EN: "Move closer to the camera or use a photograph of higher resolution.",
	},
	"sharpness": {
		ID: "Foto buram. Bersihkan lensa, tahan kamera dengan stabil, dan tunggu hingga fokus.",
		EN: "The photograph is blurred. Clean the lens, hold the camera still and wait until it is in focus.",
	},
	"exposure": {
		ID: "Pencahayaan kurang baik. Cari tempat yang terang dan merata, tanpa cahaya kuat dari belakang.",
		EN: "The lighting is poor. Find a bright, even light without a strong light from behind.",
	},
	"pose": {
		ID: "Hadapkan wajah lurus ke kamera.",
		EN: "Face the camera straight on.",
	},
}

// measureGuidance joins the guidance of the measures that failed; otherwise is
// used where there is none.
func measureGuidance(measures []string, otherwise *guidance) *guidance {
	var id, en []string
	for _, m := range measures {
		if g, ok := measureGuide[m]; ok {
			id, en = append(id, g.ID), append(en, g.EN)
		}
	}
	if len(id) == 0 {
		return otherwise
	}
	return &guidance{ID: strings.Join(id, " "), EN: strings.Join(en, " ")}
}
