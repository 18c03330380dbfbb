package name

import "strings"

// Titles are listed with a dot wherever they may be parted: S.PD.I is any of
// S.Pd.I, S PD I, SPD I, S PDI and SPDI.
//
// Titles of nobility that are words (Raden, Andi, Teuku, Gusti, Tubagus) are
// deliberately not listed: the registry records them as part of the name, and
// many are given names too. Nor is R., which is any initial. The others that
// are abbreviated are listed, since they have no other meaning.
var (
	leadingTitles = newTitles(
		// Pilgrims, clergy, forms of address, the deceased.
		`H HJ H.J HAJI HAJJAH HAJAH K.H K.H.R T.G.H T.G.K.H KYAI KIAI KI NYAI BUYA SYEKH SYEIKH TGK UST USTAD USTADZ USTAZ USTADZAH USTAZAH
		PDT PDT.EM PDM PDP PASTOR ROMO MGR SUSTER BRUDER FRATER DIAKON BHIKKHU BHIKKHUNI BIKSU BIKSUNI PANDITA
		BPK BAPAK IBU TN TUAN NY NYONYA NN SDR SDRI SAUDARA SAUDARI YTH MR MRS MS
		RR ALM ALMH ALMARHUM ALMARHUMAH
		`+
			// Degrees and professions. Permenristekdikti 59/2018, article 20,
			// puts doctors before the name, and professions on either side.
			`PROF PROF.EM DR DR.TR DR.H.C DR.MED DR.MED.DENT DR.MED.VET DR.RER.NAT DR.RER.POL DR.PHIL DR.IUR DR.JUR DR.ING
		DR.ENG DR.SC DR.SC.AGR DR.AGR DR.THEOL DR.CAND CAND.DR DRA DRS DRS.EC DRS.MED DRA.MED DRG DRH DDS IR
		DIPL.ING APT NS NERS BDN FTR PSIKOLOG ADV ADVOKAT NOTARIS DOKTER DOKTOR PROFESOR INSINYUR BIDAN PENDETA
		AKBP KOMPOL AKP IPTU IPDA AIPTU AIPDA BRIPKA BRIPTU BRIPDA PELTU PELDA SERMA SERKA SERTU SERDA KOPKA KOPTU KOPDA PRATU
		`+
			// Ranks of the police and the forces, and their corps.
			ranks(`JENDERAL JENDRAL KOMJEN IRJEN BRIGJEN MAYJEN LETJEN KOMBES KOLONEL LETKOL MAYOR KAPTEN LETTU LETDA`,
				`POL TNI INF KAV ARM ARH CPM CHB CKM CZI CPL CBA CAJ CKU`)+
			// Titles of the courts of Java, by their initials.
			`R.M.T K.P.H K.P.A K.P.A.A K.R.T K.R.T.H K.R.M.T K.R.M.H K.R.NGT K.M.T
		K.G.P.H K.G.P.A.A G.K.R G.B.P.H G.P.H G.R.M G.B.R.AY B.P.H B.R.M R.NGT R.NG`,
		initials)

	// leadingInitials are titles before a name that look like two initials or
	// a name. They count only with a dot.
	leadingInitials = newTitles(`R.R R.M R.A R.AY K.R.A K.R.A.T K.R.AY G.R.A G.R.AY B.R.A B.R.AY SR FR BR PS PST RP GI EV WS JS AR BP GR`, initials)

	trailingTitles = newTitles(
		// Those that also stand before a name.
		`HJ K.H PROF DR DRA DRS DRG DRH DR.H.C DR.ENG DR.ING DR.PHIL IR APT NS NERS BDN FTR PSIKOLOG GR PDT ALM ALMH PURN
		`+
			// Degrees of one initial. They are not formed, since most pairs of
			// initials are none.
			`S.E S.H S.P S.S S.T S.M S.SI S.I.K S.H.I S.E.I S.E.SY S.S.I S.I.P S.S.T S.S.T.P S.ST.P S.ST S.Q S.IN
		S.T.HAN S.I.A S.A.N S.A.P S.P.W.K
		ANT.I ANT.II ANT.III ANT.IV ANT.V ATT.I ATT.II ATT.III ATT.IV ATT.V
		M.A M.E M.H M.M M.P M.S M.T M.B.A M.SC.AGR M.FARM.KLIN M.MAR.E S.SI.T M.P.H M.P.A M.P.P M.F.A M.H.A M.A.P M.A.B M.A.R.S M.M.R M.M.RS M.M.SI
		M.C.S MD M.E.I M.E.SY M.H.I M.H.KES M.T.I M.M.T M.M.PD M.S.A M.S.AK M.S.E M.S.I M.S.M M.I.L M.I.B
		B.A B.E B.SC B.B.A B.F.A B.ENG B.ED B.COM B.COMM B.BUS B.TECH B.ARCH B.HM B.APP B.HSC B.MED B.TH B.C.S
		B.ST B.ED.HONS BC.HK BC.IP BC.KN
		D.E.A D.B.A D.SC D.TH D.MIN D.PHIL D.ENG D.D.S D.E.S.S D.T.M D.T.M.H DIPL.ING DIPL
		PH.D ED.D PSY.D J.D L.L.B L.L.M LL.B LL.M L.C LIC LTH M.AFIS M.PHIL M.APPL M.COMM M.DIV M.SC.ENG M.ARCH
		A.MA A.MA.PD A.MD A.MD.AK A.M.K A.M.G A.M.F A.M.R A.M.KL A.M.KG A.M.KEB A.M.KEP A.M.FT A.M.AK A.M.OT A.M.TE
		A.M.A.F A.M.TS A.M.TRO A.PTNH A.K.S
		`+
			// Professions.
			`ADVOKAT NOTARIS APOTEKER BIDAN DOKTER DIETISIEN KONS KONSELOR HIPERKES S.K.P A.A.K B.S.B.A C.EIA CIMBA
		AK C.A C.P.A C.M.A C.F.A C.F.P C.I.A C.I.S.A C.I.S.S.P C.R.M.P C.R.M.O C.S.R.S C.S.R.A C.H.R.P C.H.R.M C.P.H.R
		C.P.M C.P.M.A C.P.I.M C.P.A.I C.P.S.A.K C.F.E C.F.R.A C.F.R.M C.W.M C.T.A C.T.L C.L.A C.L.I C.L.MA C.M.ED C.MED
		C.P.L C.P.C.L.E C.P.R.M C.R.A C.R.P C.R.B.D C.I.B C.I.Q.A.R C.I.Q.N.R C.SC C.HT C.HT.A CI C.P.S C.P.T.T C.B.A
		E.R.M.C.P E.R.M.A.P F.R.M P.M.P Q.I.A Q.I.P Q.W.P Q.C.R.O Q.R.M.P RD DCN W.P.P.E W.M.I W.P.E.E R.F.A R.F.P R.F.C R.P.P R.I.F.A R.S.A B.K.P S.P.H.R S.A.S
		A.A.A.I.J A.A.A.I.K A.A.I.J A.A.I.K A.C.P.E A.E.R A.C.C.A A.W.P A.E.P.P A.I.F.O A.I.F.M
		I.A.I I.A.P I.P.P I.P.M I.P.U ASEAN.ENG APEC.ENG C.ENG PE W.T.A C.S.P M.KOM.I
		F.I.H.A FINASIM F.I.C.S FINACS F.A.C.S F.A.C.C F.A.C.P F.E.S.C F.A.P.S.C F.A.P.S.I.C FISQUA F.I.S.R FICRS FIHFAA
		F.R.C.S F.R.C.P M.R.C.P F.C.C.P F.I.A.S F.I.P.M FIATCVS F.S.A.S F.S.A.I A.S.A.I FCCM F.F.R.I F.C.T.S
		`+
			// Catholic orders and diocesan priests.
			`PR SJ S.V.D S.D.B S.C.J SX O.F.M O.F.M.CAP O.CARM O.C.D O.S.C O.S.A O.S.F O.S.U O.M.I OP CM C.M.F CP C.D.D
		C.S.S.R C.I.C.M M.S.F M.S.C S.S.C.C F.M.M S.S.P.S HK K.Y.M F.S.G.M J.M.J
		`+
			// Specialists: the short fields, others by pattern.
			joined("SP", `A AN AN.TI AN.KAP AND AK AKP B BA BM BP BS BTKV D DLP DV DVE EM F FK FM GK H I IG JP KF KFR KGA KJ KK KKLP KL KN KO KP KT
		KULIT M MK MIKRO N NM O OF OFK OG ONK ONKRAD ORT OT P PA PAK PAR PD PERIO PK PM PROS PTI RAD RM RE S T THT THT.KL
		THT.B.K.L THT.B.KL U KEP.A KEP.J KEP.K KEP.KOM KEP.M.B KEP.MAT FRS ONK.RAD B.T.K.V B.P.R.E B.S B.A B.M B.M.M K.G.A K.G
		F.R.S JP.K PD.K.HOM PD.K.GEH`)+
			// The families of article 20: a head, then the initials of a
			// field of study. A.P., A.M. and S.S.T. are those of PP 17/2010
			// and before.
			joined("S", studies)+joined("M", studies)+joined("S.TR", studies)+joined("M.TR", studies)+
			joined("A.MD", studies)+joined("A.MA", "PD PD.SD PD.TK PD.OR PUST")+joined("A.M", "PD")+
			joined("S.ST", studies)+joined("S.S.T", studies)+joined("S.TR", "K E M P S")+joined("M.TR", "K M P"),
		initialsOrName)

	// surnames are titles that in one word, without a comma, are family
	// names or given names too.
	surnames = setOf(`BA CA KI MA MAK MAP MAQ MAYOR ME MED MESY QIA SAB SAK SAP SAQ SHI SM SOR SPA SPAN SPN SPS SST TGK`)

	// given are titles that in one word, without a comma, are names and nothing
	// else.
	given = setOf(`AMA ANTI ASAI ATTI BE BENG CIA DEA DENG MAD MAR MARK MART MEI MEL MEN MENG MIAN MIL MONK MOTO MUD MUS NG OMI PIA RAY RIFA
		SAD SANT SAR SED SEI SEN SENG SIAN SIN SINT SOTO STERA STI STO SUD SUS`)

	// syllables are names in use of one syllable. Behind S. or M. they are no
	// field of study, but the name that follows an initial.
	syllables = setOf(`NG GO HU LU WU XU YU KING MAR SING NUR SRI DWI TRI PUR MAS GUS BAG SUR HAR KUS DAR DIN MAN YAN LIN LIM LIE LIU TAN HAN ONG ANG ING KHO GOH
		OEI OEY TIO THIO TEO TJOA CHOA KWEE KWEK GAN SIM SIN SUN YAP YEO LAU LIAUW LEE LAI LAM LUO MAK MEI MING NIO PAN PANG SIA SIE SIU
		SUI SUNG TAY TEE TENG TING TJAN TJHIN TONG TJIA TJONG WEE WEN WONG YANG YAO YEN YONG ZHANG ZHU CHAN CHANG CHEN CHIN CHONG CHOW CHU
		CHUNG FAN FANG FENG HENG HONG HUA HUANG KANG KIM KIN KONG JAN JON JOHN JACK JAMES JANE JIM JAY KEN LEO LYNN MARK MAX MAY MIKE NEIL
		NICK NOEL PAUL RAY REX ROB ROSE ROY RUTH SAM SEAN TED TIM TOM GRACE GLEN FRANS FRANK DEAN DAN CHRIS CARL BRAM BRIAN BOB BILL BEN
		BETH ANN ANNE YOS YUS YUL WAN SYAM SYAH SUL SAL SYAR RUS PRI MUS MIN MUL LUK LUH DEN BUN BUR`)
)

// studies are the initials of fields of study that are in use behind S., M.,
// S.Tr., A.Md. and the like. An unlisted one counts if it is written with dots
// or behind a comma: see formed.
const studies = `ACC EPID GIZI IAN IMUN INT.ST KED.KLIN KEDOK MANAJ MIN ONK PWK RO SEJ SI.TEOL SOSIOL TEKNOL TEM TEOL EC EC.DEV AB AD ADM ADM.KES AG AGB AGR AGRIB AK AKT AKUN ANM ANT ANTROP AP AQ AR ARK ARKEO ARL ARS ARSI ART AST ATP
	BATTRA BIO BIOKIM BIOMED BIOTEK BIOTECH BIS BNS BUD COM DAT DES DIK DS E.I E.SY ED EDU EI EK EKI EKON EL EN ENERG ENG EP ESY
	FAR FARM FI FIL FIS FT FTR GEO GEOG GI GZ H.I H.INT HAN HI HID HK HOT HTL HUB.INT HUKES HUM HUT I.AG I.F I.HUM I.KOM I.P
	I.POL I.PUST IIP IKOM INF INS INST INT IP IPTEK JIM JUR K.L K.M KA KB KEB KEBID KED KED.TROP KEH KEL KELU KEP KES KESLING KESMAS KESOS
	KG KGZ KH KI KIM KK KKK KL KM KN KOM KOM.I KOMP KP KPN KPM KRIM KS KUB KUL LI LING LITBANG LLAJ LLASDP LOG LIN MAR MAT MED MET METEO
	MG MI MIKRO MIL MK MKK MM MN MOK MP MPD MS MT NAUT NUT OP OPT OR ORG OT OTO P.A P.I P.K P.SDA P.T PAR PAK PD PD.AUD PD.B PD.GR PD.H PD.I
	PD.K PD.KIM PD.SD PEL PEM PEMB PENG PERB PERP PERT PI PIM PIP PJK PK PKM PKP PL PLB PM PN PNJ PO POL PP PS PSDM PSI PSI.T PSIKOL PT PUB
	PUST PW RAD RK RMIK RPL S.DA SA SC SD SEN SI SIF SIP SIN SN SOS SOS.I SOSIO ST STAT STK STP SY T T.I T.K T.L T.P TB TEKL TEKN TEKS TEO
	TER TERA TG TGM TH TH.I THEOL TI TK TKJ TKK TKL TL TLM TM TMP TN TNK TO TP TR TRA TRANS TRANSP TRK TS TT TW TX TXT UD US VET VOK W WIS`

// ranks returns each rank, alone and with each of the corps.
func ranks(ranks, corps string) string {
	list := ranks
	for rank := range strings.FieldsSeq(ranks) {
		list += joined(rank, corps)
	}
	return list + " "
}

// joined returns the titles that head and each of the parts make.
func joined(head, parts string) string {
	var b strings.Builder
	for part := range strings.FieldsSeq(parts) {
		b.WriteString(" " + head + "." + part)
	}
	return b.String()
}

func setOf(list string) map[string]bool {
	set := make(map[string]bool)
	for word := range strings.FieldsSeq(list) {
		set[word] = true
	}
	return set
}
